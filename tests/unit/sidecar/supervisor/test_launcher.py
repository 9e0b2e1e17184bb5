"""The launcher: a program made of data, run for real where the processor is this one's."""

import os
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import launcher
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.apptainer import vectors

BYTES = st.binary(max_size=200).map(lambda data: data.replace(b"\0", b""))
NAMES = BYTES.map(lambda data: data.replace(b"=", b"")).filter(bool)


def run(
    folder: Path,
    paths: list[bytes],
    argv: list[bytes],
    env: list[bytes],
    links: list[tuple[bytes, bytes]] | None = None,
    user: launcher.User | None = None,
) -> tuple[int, bytes, bytes]:
    """Exit status, output and status file of a launcher."""
    status, program = folder / "status", folder / "launch"
    status.write_bytes(b"")
    program.unlink(missing_ok=True)
    program.write_bytes(launcher.build(os.uname().machine, bytes(status), paths, argv, env, links or [], user))
    program.chmod(0o500)
    ended = subprocess.run([program], capture_output=True, check=False)
    return ended.returncode, ended.stdout, status.read_bytes()


@settings(max_examples=60)
@given(st.lists(BYTES, max_size=5), st.dictionaries(NAMES, BYTES, max_size=5))
def test_arguments_and_environment_reach_the_program_byte_for_byte(
    arguments: list[bytes], env: dict[bytes, bytes]
) -> None:
    entries = [name + b"=" + value for name, value in env.items()]
    with tempfile.TemporaryDirectory() as name:
        code, output, status = run(
            Path(name), [b"/bin/cat"], [b"cat", b"/proc/self/environ", b"/proc/self/cmdline"], entries
        )
        assert (code, status) == (0, b"S")
        assert output == b"".join(entry + b"\0" for entry in entries) + b"cat\0/proc/self/environ\0/proc/self/cmdline\0"
        code, output, _ = run(Path(name), [b"/usr/bin/printf"], [b"printf", b"%s\\0", *arguments], [])
        assert output == b"".join(argument + b"\0" for argument in arguments or [b""])


def test_the_first_path_that_works_is_taken(tmp_path: Path) -> None:
    code, output, status = run(
        tmp_path, [b"/no/such", b"/etc", b"/bin/echo", b"/bin/false"], [b"any name", b"hello"], []
    )
    assert (code, output, status) == (0, b"hello\n", b"S\x02\x0d")


def test_links_are_made_first(tmp_path: Path) -> None:
    made = tmp_path / "link"
    assert (
        run(tmp_path, [b"/bin/readlink"], [b"readlink", bytes(made)], [], [(b"/some/target", bytes(made))])[1]
        == b"/some/target\n"
    )


@pytest.mark.parametrize(
    ("paths", "command", "words"),
    [
        ([b"/no/x", b"/etc/x"], "x", 'exec: "x": executable file not found in $PATH'),
        ([b"/no/x", b"/etc"], "x", 'exec: "x": permission denied'),
        ([b"/no/x"], "/no/x", 'exec: "/no/x": no such file or directory'),
        ([b"/etc/passwd/x"], "/etc/passwd/x", 'exec: "/etc/passwd/x": not a directory'),
        ([b""], "", 'exec: "": executable file not found in $PATH'),
    ],
)
def test_a_program_that_can_t_be_started_is_told_by_its_error(
    tmp_path: Path, paths: list[bytes], command: str, words: str
) -> None:
    code, _, status = run(tmp_path, paths, [command.encode()], [])
    assert code == launcher.FAILED
    assert launcher.failure(status, command, len(paths)) == words


def test_a_file_that_is_no_program_and_too_many_arguments(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no program\n")
    text.chmod(0o755)
    assert launcher.failure(run(tmp_path, [bytes(text)], [b"t"], [])[2], "/t", 1) == 'exec: "/t": exec format error'
    assert (
        launcher.failure(run(tmp_path, [b"/bin/true"], [b"t", b"x" * 200_000], [])[2], "/t", 1)
        == 'exec: "/t": argument list too long'
    )


def test_a_program_that_started_is_no_failure() -> None:
    assert launcher.failure(b"S", "x", 1) == ""
    assert launcher.failure(b"S\x02\x0d", "x", 3) == "", "found at the last of three places"


@pytest.mark.parametrize("machine", sorted(launcher.MACHINES))
def test_every_machine_s_launcher_is_an_executable_of_one_segment(machine: str) -> None:
    program = launcher.build(machine, b"/s", [b"/a"], [b"x", b""], [b"K=v"], [])
    assert vectors(program) == ([b"/a"], [b"x", b""], [b"K=v"])
    assert program[:7] == b"\x7fELF\x02\x01\x01"
    kind, number, _, entry, headers = struct.unpack_from("<HHIQQ", program, 16)
    assert (kind, number, entry) == (2, launcher.MACHINES[machine].elf_number, launcher.BASE + launcher.CODE)
    load = struct.unpack_from("<IIQQQQQQ", program, headers)
    assert load == (1, 5, 0, launcher.BASE, launcher.BASE, len(program), len(program), 0x10000)


@pytest.mark.parametrize("number", [0, 1001, 65534])
def test_a_program_runs_as_another_user_without_any_rights(tmp_path: Path, number: int) -> None:
    user = launcher.User(number, 2000, os.getuid(), os.getgid())
    made = tmp_path / "made"
    script = f"id -u; id -g; grep CapEff /proc/self/status; touch {made}"
    code, output, status = run(
        tmp_path, [b"/bin/sh"], [b"sh", b"-c", script.encode()], [b"PATH=/usr/bin:/bin"], user=user
    )
    assert (code, status) == (0, b"S")
    assert output.decode().split() == [str(number), "2000", "CapEff:", "0" * 16]
    assert made.stat().st_uid == os.getuid()


def test_a_machine_that_refuses_another_user_is_told(tmp_path: Path) -> None:
    stranger = launcher.User(1001, 1001, 7, 7)  # not its own to give
    command = [b"/bin/echo"]
    status = tmp_path / "status"
    program = tmp_path / "launch"
    status.write_bytes(b"")
    program.write_bytes(launcher.build(os.uname().machine, bytes(status), command, command, [], [], stranger))
    program.chmod(0o500)
    # as number 1 of a namespace that has no other, whoever runs the tests
    outer = launcher.User(1, 1, os.getuid(), os.getgid())
    (tmp_path / "outer").mkdir()
    code, output, _ = run(tmp_path / "outer", [bytes(program)], [b"x"], [], user=outer)
    assert (code, output) == (launcher.FAILED, b"")
    assert launcher.failure(status.read_bytes(), "echo", 1) == (
        "this machine doesn't let a container run as another user than the job's (user namespace: Operation not permitted)"
    )


def test_another_machine_has_none() -> None:
    with pytest.raises(launcher.UnknownMachine, match="s390x"):
        launcher.build("s390x", b"", [], [], [], [])
