"""`kubectl exec` at its far end: commands in a container that real Apptainer runs for an ordinary account."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.executable import executable
from devcluster.machine import Machine

from tests.condor.apptainer_jobs import ACCOUNT, IMAGES, SCRATCH, working

DRIVER = Path(__file__).with_name("container_driver.py")


class Container:
    """A running container that is asked to run commands."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def run(self, *command: str, name: str = "c", tty: bool = False, stdin: bool = True, **more: Any) -> dict[str, Any]:
        asked = {"container": name, "command": command, "stdin": stdin, "stdout": True, "stderr": not tty, "tty": tty}
        return self.ask({"exec": asked, **more})

    def shell(self, script: str, **more: Any) -> dict[str, Any]:
        return self.run("sh", "-c", script, **more)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with working(tmp_path_factory.mktemp("worker")) as made:
        (made.scratch / "job").write_bytes(executable())
        (made.scratch / "driver.py").write_bytes(DRIVER.read_bytes())
        yield made.machine


@pytest.fixture
def container(worker: Machine) -> Iterator[Container]:
    script = f"cd {SCRATCH} && mkdir $1 && exec python3 driver.py ./job {SCRATCH}/$1 {IMAGES}/tools:1"
    command = worker.command(["sh", "-c", script, "sh", str(uuid.uuid4())], user=ACCOUNT)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Container(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def test_it_is_where_the_container_is_and_what_it_is(container: Container) -> None:
    answer = container.shell('pwd; echo "$GIVEN"; id -u; ls /srv; cat /proc/1/cmdline')
    assert answer["stdout"].startswith("/srv/work\na b\n$c\n1000\nwork\n")
    assert answer["stdout"].endswith("/bin/sleep\x001000\x00")
    assert (answer["stderr"], answer["end"]) == ("", [0, "", ""])
    spaces = container.shell("for one in user mnt pid ipc uts; do readlink /proc/1/ns/$one /proc/self/ns/$one; done")
    found = spaces["stdout"].split()
    assert found[::2] == found[1::2]
    assert len(found) == 10


def test_it_has_no_more_rights_than_the_container(container: Container) -> None:
    of_first = container.shell("grep -E 'Cap|NoNew' /proc/1/status")["stdout"]
    assert container.shell("grep -E 'Cap|NoNew' /proc/self/status")["stdout"] == of_first
    assert "CapBnd:\t0000000000000000" in of_first


@pytest.mark.parametrize(("script", "code"), [("exit 4", 4), ("exit 125", 125), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_command_s(container: Container, script: str, code: int) -> None:
    assert container.shell(script)["end"] == [code, "", ""]


def test_both_outputs_arrive_apart(container: Container) -> None:
    answer = container.shell("echo out; echo err >&2")
    assert (answer["stdout"], answer["stderr"]) == ("out\n", "err\n")


def test_a_command_that_is_not_there_is_said_so(container: Container) -> None:
    words = 'exec: "nope": executable file not found in $PATH'
    assert container.run("nope")["end"] == [None, "CannotStart", words]


def test_much_goes_in_and_comes_back(container: Container) -> None:
    answer = container.run("cat", input="0123456789", times=300_000, eof=True)
    assert answer["stdout"] == "0123456789" * 300_000
    assert answer["end"] == [0, "", ""]


def test_what_a_command_does_not_read_is_in_nobody_s_way(container: Container) -> None:
    answer = container.run("head", "-c", "3", input="0123456789", times=300_000, eof=True)
    assert (answer["stdout"], answer["end"]) == ("012", [0, "", ""])


def test_without_input_there_is_none(container: Container) -> None:
    assert container.run("cat", stdin=False)["end"] == [0, "", ""]


def test_what_somebody_else_keeps_open_does_not_hold_up_the_end(container: Container) -> None:
    answer = container.shell("sleep 1000 & echo done")
    assert (answer["stdout"], answer["end"]) == ("done\n", [0, "", ""])


def test_who_leaves_ends_the_command(container: Container) -> None:
    container.shell("echo here; exec sleep 4711", close_at="here")
    container.shell("trap '' HUP; echo here; sleep 4712; sleep 4712", close_at="here")
    assert "sleep\x00471" not in container.shell("cat /proc/[0-9]*/cmdline")["stdout"]


def test_a_terminal_is_one_of_the_container(container: Container) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && readlink /proc/self/fd/0 && ls /dev/pts && read x && echo got $x"
    answer = container.shell(script, tty=True, input="word\n")
    assert answer["stdout"].replace("word\r\n", "", 1).split() == ["/dev/pts/0", "0", "ptmx", "got", "word"]
    assert answer["end"] == [0, "", ""]


def test_control_c_ends_what_runs_in_the_terminal(container: Container) -> None:
    # not before the terminal is the command's own: until then the key is a character as any other
    answer = container.shell("echo up; sleep 1000", tty=True, input="\x03", input_at="up")
    assert answer["end"] == [130, "", ""]


def test_who_leaves_a_terminal_hangs_up(container: Container) -> None:
    container.shell("echo here; sleep 4713", tty=True, close_at="here")
    assert "sleep\x00471" not in container.shell("cat /proc/[0-9]*/cmdline")["stdout"]


def test_a_container_that_ends_takes_its_commands_with_it_and_then_nothing_can_be_run(container: Container) -> None:
    assert container.run("sh", "-c", "true", name="other") == {
        "refused": "ContainerNotRunning",
        "message": "container other is not running",
    }
    container.ask("kill")
    assert container.shell("true")["end"] == [
        None,
        "CannotEnter",
        "the container can't be entered: its first process has ended",
    ]
