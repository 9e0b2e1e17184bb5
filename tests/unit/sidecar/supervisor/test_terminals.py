"""What a program with a terminal is told of it: its kind, as a container runtime does."""

from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import enter, start_folder
from condor_sidecar.job.supervisor.inside import Inside, further

from tests.fakes.apptainer import vectors
from tests.unit.sidecar.supervisor.jobs import Job, pod, shell, text


@pytest.mark.parametrize(
    ("tty", "env", "term"),
    [
        (True, [], "xterm"),
        (True, [("TERM", "dumb")], "dumb"),
        (False, [], "none"),
        (False, [("TERM", "vt100")], "vt100"),
    ],
)
def test_a_container_with_a_terminal_knows_which_unless_the_pod_says_so(
    tmp_path: Path, tty: bool, env: list[tuple[str, str]], term: str
) -> None:
    script = "/usr/bin/env | /bin/grep ^TERM= || echo TERM=none"
    result = Job(tmp_path, pod(shell("a", script, tty=tty, env=env))).run()
    assert text(result, "a").split() == [f"TERM={term}"]


@pytest.mark.parametrize("stdin", [True, False])
def test_all_three_streams_of_a_container_with_a_terminal_are_that(tmp_path: Path, stdin: bool) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && echo all"
    result = Job(tmp_path, pod(shell("a", script, tty=True, stdin=stdin))).run()
    assert text(result, "a").split() == ["all"]


@pytest.mark.parametrize(
    ("terminal", "given", "env"),
    [
        (True, [("A", "b")], [b"A=b", b"TERM=xterm"]),
        (True, [("TERM", "dumb"), ("A", "b")], [b"TERM=xterm", b"A=b"]),
        (False, [("TERM", "dumb"), ("A", "b")], [b"TERM=dumb", b"A=b"]),
        (False, [("A", "b")], [b"A=b"]),
    ],
)
def test_the_terminal_of_a_command_is_its_own_whatever_the_container_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, given: list[tuple[str, str]], env: list[bytes]
) -> None:
    monkeypatch.setattr(enter, "first_process", lambda apptainer: 1)
    folder = tmp_path / "start"
    start_folder.make(str(folder))
    (folder / start_folder.STATUS).write_bytes(b"S")
    made = further(Inside(1, str(folder), [("PATH", "/bin"), *given], "/"), ["sh"], terminal)
    assert vectors(Path(made.launcher).read_bytes())[2] == [b"PATH=/bin", *env]
