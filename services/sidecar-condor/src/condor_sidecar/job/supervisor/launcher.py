"""Makes the program that a container starts with.

It becomes the container's process, with exactly the arguments and the environment it was made for. Apptainer hands an
environment on through a shell interpreter of its own, which loses names that are no shell identifiers, empty values and
`\\u000A`, and appends to PATH and LD_LIBRARY_PATH. An image can't be relied on to hold a program that sets an environment, and
putting it on a command line would show it to everyone on the worker node. So the argument and environment vectors are laid
out, as the kernel wants them, in a static executable of a few instructions: it begins a session of its own, whose terminal is
that of its standard output if it has one, makes the asked symbolic links, writes "S" to the status file, becomes the asked user,
tries each path with execve and notes the error number of each failure as one byte.

It becomes another user in a user namespace of its own, in which the job's account bears that user's number: nothing is gained by
that, not even as number 0, which has no capabilities there (SECBIT_NOROOT). Apptainer itself can't do this: it wants its user in
the machine's passwd file.

A status file that stayed empty says that the container was never made; one with more than "S", that its command couldn't be
started, and why.
"""

import errno
import os
import struct
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

Vector = Sequence[bytes]

BASE = 0x10000000  # where the one segment is loaded, on any page size up to 64 KiB
TABLE = 0x100  # offset of the table that the code below reads, so that the code is constant
CODE = 0x140
MARK = b"S"
REFUSED = 0x80  # stands in the byte of an error number that becoming another user met
FAILED = 128  # exit status after every execve failed: what a kubelet shows for a command that can't be started


class Machine(NamedTuple):
    """A processor: its number in an ELF header, and the code that the docstring above describes."""

    elf_number: int
    code: bytes


# The table holds pointers to the status file's path (+0), the paths to try (+8), argv (+16), envp (+24), the links (+32) and the
# writes (+48), and the mark (+40).
MACHINES: Dict[str, Machine] = {
    "x86_64": Machine(
        62,
        bytes.fromhex(
            "b8 70000000   0f05"  # setsid()
            "bf 01000000   be 0e540000   31d2   b8 10000000   0f05"  # ioctl(1, TIOCSCTTY, 0)
            "bd 00010010   48 8b5d20"  # ebp = table; rbx = links
            "48 8b3b   48 85ff   74 11"  # each link: rdi = target, 0 ends
            "48 8b7308   b8 58000000   0f05"  # symlink(target, path)
            "48 83c310   eb e7"  # next link
            "48 8b7d00   be 01040800   b8 02000000   0f05"  # open(status, O_WRONLY|O_APPEND|O_CLOEXEC)
            "41 89c4   48 8d7528"  # r12 = fd; rsi = mark
            "44 89e7   ba 01000000   b8 01000000   0f05"  # write(fd, rsi, 1)
            "48 8b5d30   48 833b00   74 58"  # rbx = writes; none: the user stays as it is
            "bf 00000010   b8 10010000   0f05   85c0   75 7e"  # unshare(CLONE_NEWUSER)
            "48 8b3b   48 85ff   74 2b"  # each write: rdi = path, 0 ends
            "be 01000800   b8 02000000   0f05   85c0   78 66"  # open(path, O_WRONLY|O_CLOEXEC)
            "89c7   48 8b7308   48 8b5310   b8 01000000   0f05   85c0   78 51"  # write(it, content, length)
            "48 83c318   eb cd"  # next write
            "bf 1c000000   be 03000000   b8 9d000000   0f05   85c0   75 36"  # prctl(PR_SET_SECUREBITS, no rights for root)
            "48 8b5d08"  # rbx = paths
            "48 8b3b   48 85ff   74 41   48 83c308"  # each path: rdi = path, 0 ends
            "48 8b7510   48 8b5518   b8 3b000000   0f05"  # execve(path, argv, envp)
            "f7d8   50   48 89e6"  # rsi = its error number
            "44 89e7   ba 01000000   b8 01000000   0f05   eb ce"  # write it; next path
            "f7d8   0c80   50   48 89e6"  # the user was refused: rsi = the error number and REFUSED
            "44 89e7   ba 01000000   b8 01000000   0f05"  # write it
            "bf 80000000   b8 e7000000   0f05"  # exit_group(128)
        ),
    ),
    "aarch64": Machine(
        183,
        bytes.fromhex(
            "a81380d2 010000d4"  # setsid()
            "200080d2 c1818ad2 020080d2 a80380d2 010000d4"  # ioctl(1, TIOCSCTTY, 0)
            "132080d2 1300a2f2 741240f9"  # x19 = table; x20 = links
            "800240f9 e00000b4"  # each link: x0 = target, 0 ends
            "610c8092 820640f9 880480d2 010000d4"  # symlinkat(target, AT_FDCWD, path)
            "94420091 f9ffff17"  # next link
            "600c8092 610240f9 228080d2 0201a0f2 080780d2 010000d4"  # openat(AT_FDCWD, status, ...)
            "f50300aa 61a20091"  # x21 = fd; x1 = mark
            "e00315aa 220080d2 080880d2 010000d4"  # write(fd, x1, 1)
            "741a40f9 800240f9 200300b4"  # x20 = writes; none: the user stays as it is
            "0000a2d2 280c80d2 010000d4 800400b5"  # unshare(CLONE_NEWUSER)
            "810240f9 c10100b4"  # each write: x1 = path, 0 ends
            "600c8092 220080d2 0201a0f2 080780d2 010000d4 8003f8b7"  # openat(AT_FDCWD, path, O_WRONLY|O_CLOEXEC)
            "810640f9 820a40f9 080880d2 010000d4 e002f8b7"  # write(it, content, length)
            "94620091 f2ffff17"  # next write
            "800380d2 610080d2 e81480d2 010000d4 000200b5"  # prctl(PR_SET_SECUREBITS, no rights for root)
            "740640f9"  # x20 = paths
            "808640f8 a00200b4"  # each path: x0 = path, 0 ends
            "610a40f9 620e40f9 a81b80d2 010000d4"  # execve(path, argv, envp)
            "e00300cb e00f1ff8 e1030091"  # x1 = its error number
            "e00315aa 220080d2 080880d2 010000d4 f3ffff17"  # write it; next path
            "e00300cb 000079b2 e00f1ff8 e1030091"  # the user was refused: x1 = the error number and REFUSED
            "e00315aa 220080d2 080880d2 010000d4"  # write it
            "001080d2 c80b80d2 010000d4"  # exit_group(128)
        ),
    ),
}


class User(NamedTuple):
    """Who a program runs as, and the job's account, which bears these numbers."""

    user: int
    group: int
    own_user: int
    own_group: int


class UnknownMachine(Exception):
    """There is no launcher for this processor."""


def build(
    machine: str,
    status: bytes,
    paths: Vector,
    argv: Vector,
    env: Vector,
    links: Sequence[Tuple[bytes, bytes]],
    user: Optional[User] = None,
) -> bytes:
    """The launcher for `machine` (as in `os.uname()`), an executable file.

    `status` and `paths` are paths as seen in the container; `env` holds `NAME=value`; `links` pairs (target, path of the link);
    without a `user` the program runs as the job's account. Raises UnknownMachine.
    """
    if machine not in MACHINES:
        raise UnknownMachine("containers can't be started on a %s processor" % machine)
    code = MACHINES[machine].code
    data = _Data(CODE + len(code) + -len(code) % 8)
    table = struct.pack(
        "<5Q8sQ",
        data.string(status),
        data.array(paths),
        data.array(argv),
        data.array(env),
        data.array([text for pair in links for text in pair]),
        MARK,
        data.writes([] if user is None else _user_maps(user)),
    )
    size = data.start + len(data.content)
    head = _elf_header(MACHINES[machine].elf_number, size)
    return (
        head.ljust(TABLE, b"\0")
        + table.ljust(CODE - TABLE, b"\0")
        + code.ljust(data.start - CODE, b"\0")
        + data.content
    )


def failure(status: bytes, command: str, tries: int) -> str:
    """Why the container's command didn't start, in a container runtime's words; empty if it started, or may do so yet.

    `tries` is the number of paths of its launcher: each that held no program is noted, also those before the one that did.
    """
    numbers = status[len(MARK) :]
    refused = bool(numbers) and bool(numbers[0] & REFUSED)
    if not refused and len(numbers) < tries:
        return ""
    if refused:
        why = os.strerror(numbers[0] & ~REFUSED)
        return "this machine doesn't let a container run as another user than the job's (user namespace: %s)" % why
    bare = "/" not in command
    worst = next((number for number in numbers if number not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES)), None)
    if worst is None:
        worst = errno.EACCES if errno.EACCES in numbers else numbers[-1]
    if bare and worst in (errno.ENOENT, errno.ENOTDIR):
        return 'exec: "%s": executable file not found in $PATH' % command
    return 'exec: "%s": %s' % (command, _WORDS.get(worst, "error %d" % worst))


def _user_maps(user: User) -> Iterator[Tuple[bytes, bytes]]:
    """What makes a user of a new user namespace (user_namespaces(7)); an account may give one number, its own."""
    yield b"/proc/self/setgroups", b"deny"
    yield b"/proc/self/uid_map", b"%d %d 1" % (user.user, user.own_user)
    yield b"/proc/self/gid_map", b"%d %d 1" % (user.group, user.own_group)


_WORDS = {
    errno.ENOENT: "no such file or directory",
    errno.ENOTDIR: "not a directory",
    errno.EACCES: "permission denied",
    errno.ENOEXEC: "exec format error",
    errno.E2BIG: "argument list too long",
}


class _Data:
    """Strings and arrays of pointers after the code, at addresses known before the file is written."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.content = b""

    def string(self, text: bytes) -> int:
        address = BASE + self.start + len(self.content)
        self.content += text + b"\0"
        return address

    def array(self, texts: Vector) -> int:
        return self._numbers([self.string(text) for text in texts])

    def writes(self, pairs: Iterable[Tuple[bytes, bytes]]) -> int:
        """Path, content and its length, in a row."""
        return self._numbers(
            [number for path, text in pairs for number in (self.string(path), self.string(text), len(text))]
        )

    def _numbers(self, pointers: List[int]) -> int:
        self.content += b"\0" * (-len(self.content) % 8)
        address = BASE + self.start + len(self.content)
        self.content += struct.pack("<%dQ" % (len(pointers) + 1), *pointers, 0)
        return address


def _elf_header(elf_number: int, size: int) -> bytes:
    """ELF64, little-endian, one readable and executable segment of the whole file, a stack that isn't executable."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, elf_number, 1, BASE + CODE, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x10000)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack
