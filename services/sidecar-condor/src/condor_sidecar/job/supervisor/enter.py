"""Enters a running container as the same ordinary user: what `kubectl exec` and probes that run a command need.

Apptainer can't run a second program in a container that `apptainer exec` made. A process that joins the container's namespaces can,
and it may, because the container's user namespace belongs to the user of the job. This is the program that does that, in a process
of its own: only a process with a single thread may change its user namespace. It executes a launcher (launcher.py) that lies in the
container, so arguments and environment come from there and no shell sees them.

The exit code is the program's, 128 + n where a signal ended it. What goes wrong before the program is there is said on standard
error; the launcher's status file stays empty then.
"""

import array
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import sys
import termios
from typing import Any, List, NamedTuple, Optional, Tuple

FAILED = 125  # exit code when the container can't be entered; only the status file tells it from a program's own 125
WORD = "enter"  # the executable's first argument that leads here

SPACES = ("user", "mnt", "ipc", "uts", "pid")  # the user namespace first: the others need the rights that it gives
KINDS = {"user": 0x10000000, "mnt": 0x00020000, "ipc": 0x08000000, "uts": 0x04000000, "pid": 0x20000000}
NS_GET_USERNS = 0xB701  # ioctl_ns(2)
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITIES_VERSION = 0x20080522
LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)


class _Terminal(NamedTuple):
    """A terminal, and who is to get its master."""

    peer: socket.socket
    master: int
    slave: int

    def take(self) -> None:
        """Make it this session's and put it on the standard streams; only then is its master handed over.

        So what is typed at once, Control-C among it, finds somebody.
        """
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        self.peer.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [self.master]))])
        for stream in (0, 1, 2):
            os.dup2(self.slave, stream)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)
        self.peer.close()


class CannotEnter(Exception):
    """The container can't be entered."""


def command(
    python: str, archive: str, container_pid: int, program: str, work_dir: str = "/", terminal: Optional[int] = None
) -> List[str]:
    """The arguments that run `program`, a path in the container, there; `archive` is the job's executable.

    With `terminal`, an inherited end of a Unix socket, the program gets a terminal of the container's own on its standard streams,
    and the other end of the socket gets that terminal's master.
    """
    tail = [] if terminal is None else [str(terminal)]
    return [python, "-I", "-S", archive, WORD, str(container_pid), program, work_dir, *tail]


def first_process(apptainer_pid: int) -> Optional[int]:
    """The process that is number 1 in the container that this Apptainer made; None while there is none, and after its end."""
    # here, so that entering starts without it
    from .processes import descendants

    for pid in descendants(apptainer_pid):
        numbers = _numbers(pid)
        if len(numbers) > 1 and numbers[-1] == 1:
            return pid
    return None


def _numbers(pid: int) -> List[int]:
    """A process's ids, from our namespace down to its own."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
            line = next((line for line in file if line.startswith("NSpid:")), "")
    except OSError:
        return []
    return [int(number) for number in line.split()[1:]]


def main(arguments: List[str]) -> int:
    """Run what `command` asks for; its exit code."""
    pid, program, work_dir = int(arguments[0]), arguments[1], arguments[2]
    peer = None
    if len(arguments) > 3:
        os.set_inheritable(int(arguments[3]), False)  # it is ours alone, not the program's
        peer = socket.socket(fileno=int(arguments[3]))
    try:
        _join(pid)
        # made here, where its name means something in the container
        terminal = None if peer is None else _Terminal(peer, *os.openpty())
        os.chdir(work_dir)
        _drop_rights()
    except (OSError, CannotEnter) as error:
        sys.stderr.write("the container can't be entered: %s\n" % error)
        return FAILED
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    child = os.fork()
    if child == 0:
        _become(program, terminal)
    if terminal is not None:
        terminal.close()
    return _wait(child)


def _join(pid: int) -> None:
    """Take the namespaces and the root directory of process `pid`, all looked up before the first one is entered."""
    spaces = _foreign_spaces(pid)
    root = os.open("/proc/%d/root" % pid, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    # a process in the container is the same user: it must not get at this one, which has rights and descriptors from outside
    _check("prctl", _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    for name, descriptor in spaces:
        _check("joining its %s namespace" % name, _libc.setns(descriptor, KINDS[name]))
        os.close(descriptor)
    if not os.path.sameopenfile(root, os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)):
        os.fchdir(root)
        os.chroot(".")
    os.close(root)


def _foreign_spaces(pid: int) -> List[Tuple[str, int]]:
    """Descriptors of the namespaces that aren't ours already, in the order in which to join them."""
    found = []
    for name in SPACES:
        descriptor = _container_users(pid) if name == "user" else _space(pid, name)
        if os.path.sameopenfile(descriptor, _own_space(name)):
            os.close(descriptor)
        else:
            found.append((name, descriptor))
    if found and found[0][0] != "user":
        raise CannotEnter("it has no user namespace (Apptainer runs set-uid root here), so only root may enter it")
    return found


def _container_users(pid: int) -> int:
    """The user namespace that the container's others belong to; its process may be in one within that, to bear another number."""
    mounts = _space(pid, "mnt")
    try:
        return fcntl.ioctl(mounts, NS_GET_USERNS)
    except PermissionError:  # not below our own: then it is ours, or we may not enter
        return _space(pid, "user")
    finally:
        os.close(mounts)


def _space(pid: int, name: str) -> int:
    return os.open("/proc/%d/ns/%s" % (pid, name), os.O_RDONLY | os.O_CLOEXEC)


def _own_space(name: str) -> int:
    return os.open("/proc/self/ns/%s" % name, os.O_RDONLY | os.O_CLOEXEC)


def _drop_rights() -> None:
    """Give up every right that joining gave, for good: what an executed program could have of them is bounded by nothing."""
    for capability in range(LAST_CAPABILITY + 1):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for numbers that this kernel doesn't know
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)  # older kernels have no such set
    _check("prctl", _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    _check("capset", _libc.capset(header, (ctypes.c_uint32 * 6)()))


def _become(program: str, terminal: Optional[_Terminal]) -> None:
    """In the child, the first process of ours that is in the container's process namespace: execute the program."""
    try:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.setsid()
        if terminal is not None:
            terminal.take()
        for number in range(1, signal.NSIG):  # what Python treats in its own way, and what whoever started us ignores
            with contextlib.suppress(OSError, ValueError):  # the two that nobody may set, and the C library's own two
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execv(program, [program])  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, ("the container can't be entered: %s: %s\n" % (program, error)).encode("utf-8", "replace"))
    finally:
        os._exit(FAILED)


def _wait(child: int) -> int:
    """The child's exit code; signals that come meanwhile are passed on to it."""

    def pass_on(number: int, _: Any) -> None:
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass  # it has just ended

    for number in FORWARDED:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    _, status = os.waitpid(child, 0)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _check(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise CannotEnter("%s: %s" % (what, os.strerror(number)))
