"""A command beside a running container: the job's executable joins the container and becomes the command (here, our own spaces)."""

import os
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from condor_sidecar.job.executable import executable
from condor_sidecar.job.supervisor import enter, launcher

PATIENCE = 20.0


class Ground:
    """A directory with the executable, and launchers made in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status = folder / "status"
        (folder / "job").write_bytes(executable())

    def command(self, argv: Sequence[str], pid: int | None = None, terminal: int | None = None) -> list[str]:
        self.status.write_bytes(b"")
        words = [word.encode() for word in argv]
        path = self.folder / "launch"
        machine = os.uname().machine
        path.write_bytes(launcher.build(machine, bytes(self.status), words[:1], words, [b"A=b c"], []))
        path.chmod(0o500)
        archive, program = str(self.folder / "job"), str(path)
        return enter.command(sys.executable, archive, pid or os.getpid(), program, str(self.folder), terminal)

    def run(self, *argv: str, pid: int | None = None) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(self.command(argv, pid), capture_output=True, timeout=PATIENCE, check=False)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_arguments_environment_and_working_directory_are_the_asked_ones(ground: Ground) -> None:
    done = ground.run("/bin/sh", "-c", 'pwd; env; printf "%s|" "$@"', "sh", "", "a b", "$HOME", "\n")
    directory, *rest = done.stdout.decode().split("\n", 1)
    assert directory == str(ground.folder)
    assert "A=b c\n" in rest[0]
    assert rest[0].endswith("|a b|$HOME|\n|")


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("exit 125", 125), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_the_exit_code_is_the_command_s(ground: Ground, script: str, code: int) -> None:
    assert ground.run("/bin/sh", "-c", script).returncode == code
    assert ground.status.read_bytes() == launcher.MARK


def test_what_is_not_there_is_noted_by_the_launcher(ground: Ground) -> None:
    assert ground.run("/bin/there-is-no-such").returncode == launcher.FAILED
    assert launcher.failure(ground.status.read_bytes(), "/bin/there-is-no-such", 1).endswith(
        "no such file or directory"
    )


def test_a_container_that_is_gone_is_said_and_nothing_runs(ground: Ground) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    done = ground.run("/bin/sh", "-c", "echo here", pid=gone.pid)
    assert (done.returncode, done.stdout) == (enter.FAILED, b"")
    assert done.stderr.decode().startswith("the container can't be entered: ")
    assert ground.status.read_bytes() == b""


def test_no_right_is_left_and_none_can_be_had_again(ground: Ground) -> None:
    lines = ground.run("/bin/cat", "/proc/self/status").stdout.decode().splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    assert {name: int(status[name], 16) for name in status if name.startswith("Cap")} == dict.fromkeys(
        ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"], 0
    )
    assert status["NoNewPrivs"] == "1"
    own_of_the_c_library = (
        0b11 << 31
    )  # 32 and 33, which nobody can set back by it, should who started the tests ignore them
    assert (int(status["SigBlk"], 16), int(status["SigIgn"], 16) & ~own_of_the_c_library) == (0, 0)


def test_signals_that_the_job_ignores_are_not_ignored_by_the_command(ground: Ground) -> None:
    words = ["/bin/sh", "-c", 'trap "" HUP USR1; exec "$@"', "sh", *ground.command(["/bin/cat", "/proc/self/status"])]
    done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=True)
    ignored = next(line for line in done.stdout.decode().splitlines() if line.startswith("SigIgn"))
    assert int(ignored.split()[1], 16) & 0b1000000001 == 0


def test_no_descriptor_of_the_job_is_handed_in(ground: Ground) -> None:
    script = "for number in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$number && echo $number; done"
    assert ground.run("/bin/sh", "-c", script).stdout == b""


def test_the_way_of_its_terminal_is_not_handed_in_either(ground: Ground) -> None:
    ours, theirs = socket.socketpair()
    script = f"test -e /proc/$$/fd/{theirs.fileno()} && exit 1; exit 0"
    command = ground.command(["/bin/sh", "-c", script], terminal=theirs.fileno())
    assert subprocess.run(command, pass_fds=[theirs.fileno()], timeout=PATIENCE, check=False).returncode == 0
    ours.close()
    theirs.close()


def test_signals_are_passed_on(ground: Ground) -> None:
    script = "trap 'echo got; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(ground.command(["/bin/sh", "-c", script]), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"got\n"
    assert process.returncode == 7


def test_the_command_does_not_outlive_who_entered(ground: Ground) -> None:
    with subprocess.Popen(
        ground.command(["/bin/sh", "-c", "echo $$; exec sleep 1000"]), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    limit = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_a_terminal_is_the_command_s_own(ground: Ground) -> None:
    ours, theirs = socket.socketpair()
    script = (
        "test -t 0 && test -t 1 && test -t 2 && read word < /dev/tty && echo got $word && kill -INT 0 && sleep 1000"
    )
    command = ground.command(["/bin/sh", "-c", script], terminal=theirs.fileno())
    with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        _, passed, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(array("i").itemsize))
        descriptors = array("i")
        descriptors.frombytes(passed[0][2])
        seen = b""
        with os.fdopen(descriptors[0], "r+b", buffering=0) as master:
            master.write(b"word\n")
            with pytest.raises(OSError, match="Input/output error"):  # what a terminal says at its end
                while True:
                    seen += master.read(1024)
    assert b"got word\r\n" in seen
    assert process.returncode == 130
    ours.close()


def test_a_process_with_no_space_of_its_own_is_no_container() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & wait"], start_new_session=True) as process:
        assert enter.first_process(process.pid) is None
        os.killpg(process.pid, signal.SIGTERM)
