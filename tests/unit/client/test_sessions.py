"""The entrypoint: its program's signals and exit code, whatever becomes of the token agent."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from highrate.session.keeper import Keeper

from tests.fakes.session_tokens import HUB_TOKEN, SessionTokens, granted
from tests.unit.client.sessions import SESSION, agent, arguments, children, environment, gone, session, until

COUNT = """
import os, signal
reader, writer = os.pipe()
os.set_blocking(writer, False)
signal.set_wakeup_fd(writer)  # a byte for each that is delivered, while Python's own handlers join equal ones
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH):
    signal.signal(number, lambda *_: None)
print("ready", flush=True)
while True:
    for number in os.read(reader, 100):
        print(signal.Signals(number).name, flush=True)
        if number == signal.SIGTERM:
            raise SystemExit(7)
"""

OF_THE_C_LIBRARY = 0b11 << 31
"""Signals 32 and 33: its posix_spawn leaves them ignored, and whoever needs them sets them."""


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SESSION, *command], env=environment(env), capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 42"), 42),
        (("--", "sh", "-c", "exit 42"), 42),
        (("sh", "-c", "kill -9 $$"), 137),
        (("sh", "-c", "kill -TERM $$"), 143),
        (("no-such-program",), 127),
        (("/",), 126),
    ],
)
def test_the_programs_exit_code_is_the_sessions(command: tuple[str, ...], code: int) -> None:
    assert run(*command).returncode == code


def test_a_program_that_isnt_there_is_named() -> None:
    assert "no-such-program can't be run: No such file or directory" in run("no-such-program").stderr


def test_arguments_arrive_as_they_are() -> None:
    words = ["--profile", "-h", "", "a b", "$HOME", "'", "--", "ü"]
    program = [sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words]
    assert run(*program).stdout.strip() == ascii(words)


def test_without_a_command_it_runs_jupyterhubs_server(tmp_path: Path) -> None:
    program = tmp_path / "jupyterhub-singleuser"
    program.write_text("#!/bin/sh\necho I am the server\n")
    program.chmod(0o755)
    assert run(PATH=f"{tmp_path}:{os.environ['PATH']}").stdout == "I am the server\n"


def test_signals_go_on_to_the_program_once_each_and_its_end_is_waited_for() -> None:
    with session(sys.executable, "-c", COUNT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        names = ["SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTERM"]
        for name in names:
            process.send_signal(signal.Signals[name])
            assert process.stdout.readline() == f"{name}\n"
        assert process.wait(10) == 7
        assert process.stdout.read() == ""


def test_the_program_begins_with_no_signal_blocked_or_ignored() -> None:
    show = "import signal; print(signal.pthread_sigmask(0, []), signal.getsignal(signal.SIGINT).__name__)"
    kernel = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('SigBlk')])"
    seen = run(sys.executable, "-c", f"{show}; {kernel}").stdout
    assert seen == "set() default_int_handler\n['0000000000000000']\n"
    ignored = run("sh", "-c", "grep SigIgn /proc/self/status").stdout.split()[1]
    assert int(ignored, 16) & ~OF_THE_C_LIBRARY == 0


@pytest.mark.parametrize(
    ("begin", "comes"),
    [
        ("", True),
        # out of the terminal's group it gets none: the session sends nothing on that the terminal sends to the whole group
        ("import os; os.setpgid(0, 0)", False),
    ],
    ids=["in the foreground", "in the background"],
)
def test_a_terminals_ctrl_c_is_the_terminals_to_send(begin: str, comes: bool) -> None:
    master, slave = pty.openpty()

    def own_terminal() -> None:
        os.setsid()
        os.close(os.open(os.ttyname(slave), os.O_RDWR))

    with subprocess.Popen(
        [*SESSION, sys.executable, "-c", f"{begin}\n{COUNT}"],
        env=environment({}),
        stdin=slave,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=own_terminal,  # noqa: PLW1509 - nothing else runs in the test's process
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.write(master, b"\x03")
        assert os.read(master, 2) == b"^C"  # the echo, which comes after the signal
        if comes:
            assert process.stdout.readline() == "SIGINT\n"
        process.send_signal(signal.SIGUSR1)  # what the session sends on besides, it has sent on by now
        assert process.stdout.readline() == "SIGUSR1\n"  # of two at once the kernel has the later one handled first
        process.send_signal(signal.SIGUSR2)
        assert process.stdout.readline() == "SIGUSR2\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 7
    os.close(master)
    os.close(slave)


def test_orphans_that_come_to_the_session_are_waited_for() -> None:
    """As the first process of a container without an init."""
    first = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
    program = "sh -c 'sleep 0.1 &'; exec sleep 30"
    argv = [sys.executable, "-c", first, *SESSION, "sh", "-c", program]
    with subprocess.Popen(argv, env=environment({})) as process:
        until(lambda: len(children(process.pid)) == 2, "the orphan is the session's child")
        until(lambda: len(children(process.pid)) == 1, "the orphan is waited for")
        process.terminate()
        assert process.wait(10) == 143


def test_a_token_is_there_and_the_program_gets_no_secret_that_it_hadnt(tokens: SessionTokens, run_folder: Path) -> None:
    env = tokens.environment(run_folder)
    program = f"until [ -s {run_folder}/bt_u1000 ]; do sleep 0.05; done; env"
    seen = run("sh", "-c", program, **env).stdout
    assert (run_folder / "bt_u1000").read_text() == "token-1"
    assert "token-1" not in seen
    assert seen.count(HUB_TOKEN) == 1  # JupyterHub's own variable


def test_one_agent_renews_the_token(tokens: SessionTokens, run_folder: Path) -> None:
    tokens.reply = lambda number: granted(f"token-{number}", life=2)
    file = run_folder / "bt_u1000"
    with session("sleep", "60", env=tokens.environment(run_folder)) as process:
        until(file.exists, "the first token")
        first = agent(process.pid)
        until(lambda: file.read_text() == "token-2", "the second token")
        assert agent(process.pid) == first
        assert first is not None
        process.terminate()
        process.wait(10)
        assert process.stderr is not None
        assert "The token agent" not in process.stderr.read()


def test_the_agents_death_is_no_end_and_another_takes_its_place(tokens: SessionTokens, run_folder: Path) -> None:
    tokens.reply = lambda number: granted(f"token-{number}")
    file = run_folder / "bt_u1000"
    with session("sleep", "60", env=tokens.environment(run_folder)) as process:
        until(file.exists, "the first token")
        first = agent(process.pid)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: file.read_text() == "token-2", "another agent's token")
        assert agent(process.pid) not in (None, first)
        assert process.poll() is None
        process.terminate()
        assert process.wait(10) == 143
        assert process.stderr is not None
        assert "The token agent was ended by SIGKILL; it is started again in 1 s" in process.stderr.read()


def test_an_agent_that_cant_be_started_is_tried_again_and_ends_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    keeper = Keeper(("/no-such-agent",))
    waits = []
    for _ in range(9):
        keeper.start(())
        waits.append(round(keeper.due - time.monotonic()))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert capfd.readouterr().err.count("The token agent can't be started") == len(waits)
    keeper.stop()


def test_a_log_that_nobody_reads_ends_no_session(tokens: SessionTokens, run_folder: Path) -> None:
    with session("sleep", "60", env=tokens.environment(run_folder)) as process:
        until((run_folder / "bt_u1000").exists, "the first token")
        assert process.stderr is not None
        process.stderr.close()
        first = agent(process.pid)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: agent(process.pid) not in (None, first), "another agent")
        process.stderr = None
        process.terminate()
        assert process.wait(10) == 143


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_agent_ends_with_the_session_however_that_ends(
    tokens: SessionTokens, run_folder: Path, how: signal.Signals
) -> None:
    with session("sleep", "60", env=tokens.environment(run_folder)) as process:
        until((run_folder / "bt_u1000").exists, "the first token")
        running = agent(process.pid)
        program = next(child for child in children(process.pid) if child != running)
        assert running is not None
        process.send_signal(how)
        until(lambda: gone(running), "the agent's end")
        process.wait(10)
        if how is signal.SIGKILL:
            os.kill(program, signal.SIGKILL)


def test_an_agent_that_is_stopped_does_not_hold_the_session(tokens: SessionTokens, run_folder: Path) -> None:
    with session("sleep", "60", env=tokens.environment(run_folder)) as process:
        until((run_folder / "bt_u1000").exists, "the first token")
        running = agent(process.pid)
        assert running is not None
        os.kill(running, signal.SIGSTOP)
        process.terminate()
        assert process.wait(15) == 143
        assert gone(running)


def test_without_a_token_service_there_is_no_agent() -> None:
    with session("sleep", "60") as process:
        until(lambda: children(process.pid), "the program")
        assert agent(process.pid) is None


def test_settings_that_cant_be_used_are_told_and_people_work_without_tokens(
    tokens: SessionTokens, run_folder: Path
) -> None:
    done = run("echo", "working", **tokens.environment(run_folder, JUPYTERHUB_API_TOKEN=""))
    assert done.stdout == "working\n"
    assert done.returncode == 0
    assert "There will be no access token: JUPYTERHUB_API_TOKEN is not set" in done.stderr


def test_nothing_of_the_users_decides_what_the_agent_imports(tokens: SessionTokens, run_folder: Path) -> None:
    with session("sleep", "60", env=tokens.environment(run_folder)) as process:
        until((run_folder / "bt_u1000").exists, "the first token")
        running = agent(process.pid)
        assert running is not None
        assert arguments(running)[1] == "-I"  # no PYTHONPATH, no user's packages, no working directory
