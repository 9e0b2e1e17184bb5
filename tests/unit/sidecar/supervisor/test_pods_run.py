"""A pod's containers run in order, and their ends come back as a kubelet would report them."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import plan
from condor_sidecar.model.result import ContainerState, JobPhase

from tests.unit.sidecar.supervisor.jobs import Job, by_name, container, init, pod, shell, text

DUMP = "import json, sys; print(json.dumps([sys.argv[1:], open('/proc/self/environ', 'rb').read().hex()]))"
HOSTILE = [
    "",
    " ",
    "a b",
    "'",
    '"',
    "\n",
    "a\nb\r\t",
    "$(id)",
    "`id`",
    "$HOME",
    "\\",
    "\\n",
    "\\u000A",
    "-x",
    "--",
    "é漢🙂",
    "\x01\x7f",
    "*?[]~!#%",
]


def test_hello_world_comes_back_with_its_log_and_exit_code(tmp_path: Path) -> None:
    result = Job(tmp_path, pod(container("main", "echo", "hello world"))).run()
    main = by_name(result)["main"]
    assert (result.phase, result.reason) == (JobPhase.ENDED, "")
    assert (main.state, main.exit_code, main.signal, main.reason) == (ContainerState.TERMINATED, 0, None, "Completed")
    assert main.started is not None and main.finished is not None and main.started <= main.finished
    assert text(result, "main") == "hello world\n"


@pytest.mark.parametrize(
    ("script", "code", "signum", "reason"),
    [
        ("exit 42", 42, None, "Error"),
        ("kill -9 $$", 137, 9, "Error"),
        ("kill -15 $$", 143, 15, "Error"),
        ("exit 255", 255, None, "Error"),
        ("exit 128", 128, None, "Error"),
    ],
)
def test_exit_codes_and_signals_are_told_apart(
    tmp_path: Path, script: str, code: int, signum: int | None, reason: str
) -> None:
    job = Job(tmp_path, pod(shell("main", script)))
    main = by_name(job.run())["main"]
    assert (main.exit_code, main.signal, main.reason) == (code, signum, reason)
    assert job.process is not None and job.process.returncode == code


def test_of_three_containers_one_may_fail(tmp_path: Path) -> None:
    result = Job(tmp_path, pod(shell("a", "exit 0"), shell("b", "exit 3"), shell("c", "echo c"))).run()
    assert {name: each.exit_code for name, each in by_name(result).items()} == {"a": 0, "b": 3, "c": 0}
    assert list(by_name(result)) == ["a", "b", "c"]


def test_init_containers_run_one_after_the_other_before_the_main_ones(tmp_path: Path) -> None:
    order = tmp_path / "order"
    note = f"sleep 0.2; echo $0 >> {order}"
    containers = [
        init("i", "/bin/sh", "-c", note, "i"),
        init("j", "/bin/sh", "-c", note, "j"),
        container("m", "/bin/sh", "-c", note, "m"),
    ]
    result = Job(tmp_path / "job", pod(*containers)).run()
    assert order.read_text().split() == ["i", "j", "m"]
    ended = by_name(result)
    assert str(ended["i"].finished) <= str(ended["j"].started) <= str(ended["j"].finished) <= str(ended["m"].started)


def test_a_failing_init_container_ends_the_pod_and_what_comes_after_never_starts(tmp_path: Path) -> None:
    result = Job(
        tmp_path,
        pod(init("a", "true"), init("b", "/bin/sh", "-c", "exit 4"), init("c", "true"), container("m", "true")),
    ).run()
    assert result.phase is JobPhase.ENDED
    ended = by_name(result)
    assert [ended[name].exit_code for name in "abcm"] == [0, 4, None, None]
    assert [ended[name].state for name in "cm"] == [ContainerState.WAITING] * 2
    assert ended["m"].reason == "PodInitializing"
    assert set(result.logs) == {"a", "b"}


def test_arguments_and_environment_arrive_byte_for_byte(tmp_path: Path) -> None:
    env = [(f"odd-{i} .é", value) for i, value in enumerate(HOSTILE)] + [
        ("PATH", "/nowhere"),
        ("LD_LIBRARY_PATH", "/x"),
        ("HOME", "/h"),
    ]
    main = container("main", sys.executable, "-c", DUMP, args=HOSTILE, env=env)
    argv, environment = json.loads(text(Job(tmp_path, pod(main)).run(), "main"))
    assert argv == HOSTILE
    expected = {"PATH": "/nowhere", "HOSTNAME": "pod", **dict(env)}
    assert bytes.fromhex(environment).decode() == "".join(f"{name}={value}\0" for name, value in expected.items())


def test_nothing_of_the_user_s_is_in_apptainer_s_arguments_or_environment(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(container("main", "echo", "kaninchen-arg", env=[("KANINCHEN", "kaninchen-env")])))
    job.run()
    assert "kaninchen" not in json.dumps(job.calls()).lower()


def test_containers_run_side_by_side(tmp_path: Path) -> None:
    here = str(tmp_path)
    meet = f"i=0; touch {here}/$0; while [ ! -e {here}/$1 ]; do sleep 0.05; i=$((i+1)); [ $i -lt 200 ] || exit 1; done"
    result = Job(
        tmp_path / "job",
        pod(container("a", "/bin/sh", "-c", meet, "a", "b"), container("b", "/bin/sh", "-c", meet, "b", "a")),
    ).run()
    assert [each.exit_code for each in result.containers] == [0, 0]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["nope"], 'exec: "nope": executable file not found in $PATH'),
        (["/no/such"], 'exec: "/no/such": no such file or directory'),
        (["/etc"], 'exec: "/etc": permission denied'),
        ([""], 'exec: "": executable file not found in $PATH'),
    ],
)
def test_a_command_that_can_t_be_started_says_so_in_a_runtime_s_words(
    tmp_path: Path, command: list[str], message: str
) -> None:
    main = by_name(Job(tmp_path, pod(container("main", *command))).run())["main"]
    assert (main.exit_code, main.reason, main.message) == (128, "StartError", message)


def test_a_program_that_was_found_late_and_exits_128_was_started(tmp_path: Path) -> None:
    main = container("main", "sh", "-c", "exit 128", env=[("PATH", "/no/such:/bin")])
    ended = by_name(Job(tmp_path, pod(main)).run())["main"]
    assert (ended.exit_code, ended.reason, ended.message) == (128, "Error", "")
    assert ended.started is not None


def test_a_container_that_can_t_be_made_brings_apptainer_s_words(tmp_path: Path) -> None:
    (tmp_path / "unmakeable").mkdir()
    main = container("main", "true", image=plan.Image("unmakeable", ["unmakeable"]))
    ended = by_name(Job(tmp_path, pod(main)).run())["main"]
    assert (ended.exit_code, ended.reason) == (128, "StartError")
    assert "mount overlay: invalid argument" in ended.message


def test_a_container_without_a_command_is_not_started(tmp_path: Path) -> None:
    main = by_name(Job(tmp_path, pod(container("main"))).run())["main"]
    assert (main.exit_code, main.reason) == (128, "CreateContainerError")
    assert "no command specified" in main.message


def test_the_termination_message_comes_from_its_file_or_from_the_log(tmp_path: Path) -> None:
    said = shell("said", f"echo done > {tmp_path}/pod/containers/said/start/termination-message; exit 1")
    log = shell("log", "echo first; echo last >&2; exit 1", message_from_log=True)
    silent = shell("silent", "echo x; exit 1")
    fine = shell("fine", "echo x", message_from_log=True)
    ended = by_name(Job(tmp_path, pod(said, log, silent, fine)).run())
    assert {name: each.message for name, each in ended.items()} == {
        "said": "done\n",
        "log": "first\nlast\n",
        "silent": "",
        "fine": "",
    }


def test_states_and_logs_are_streamed_while_the_pod_runs(tmp_path: Path) -> None:
    go = tmp_path / "go"
    job = Job(
        tmp_path / "job", pod(shell("main", f"echo hello; while [ ! -e {go} ]; do sleep 0.05; done; echo bye"))
    ).start()
    running = job.wait_until(
        lambda result: result.phase is JobPhase.RUNNING and b"hello" in result.logs.get("main", b"")
    )
    assert by_name(running)["main"].state is ContainerState.RUNNING
    go.touch()
    final = job.end()
    streamed = job.seen()
    assert streamed is not None
    assert (streamed.containers, streamed.logs, streamed.revision) == (final.containers, final.logs, final.revision)


def test_no_secret_is_left_and_only_the_result_lies_where_it_would_be_brought_back(tmp_path: Path) -> None:
    main = shell("main", "sleep 1000 & echo x", env=[("KEY", "SECRET")], mounts=[plan.Mount("v", "/v")])
    job = Job(tmp_path, pod(main, volumes=[plan.Volume("v", plan.FILES)]), {"volumes/v/key": b"SECRET"})
    before = {path.name for path in tmp_path.iterdir()}
    job.run()
    added = {path.name for path in tmp_path.iterdir() if path.is_file()} - before - {"out", "err", "calls.jsonl"}
    assert added == {"out.tar"}
    assert not (tmp_path / "payload.tar").exists()
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()]
    assert left == []


def test_children_of_containers_are_not_left_running(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("main", "sleep 12345 & echo $!")))
    pid = int(text(job.run(), "main"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_a_payload_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(container("main", "true")))
    (tmp_path / "payload.tar").write_bytes(b"rubbish")
    result = job.run()
    assert (result.phase, result.reason) == (JobPhase.ENDED, "UnreadablePayload")


def test_a_plan_of_another_version_is_told(tmp_path: Path) -> None:
    result = Job(tmp_path, pod(container("main", "true"), version=99)).run()
    assert result.reason == "UnreadablePayload"
    assert "version 99" in result.message
