"""Containers live in real Apptainer as they do under a kubelet: restarted, probed, hooked, watched, with sidecars beside them."""

import subprocess
from collections.abc import Iterator

import pytest
from condor_sidecar.job.supervisor.grpc_health import DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, frame
from condor_sidecar.model.result import ContainerState, JobPhase, JobResult

from tests.condor.apptainer_jobs import Worker, container, ends, planned, pod, shell, text, working

POLITE = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.1; done"
OFTEN = {"periodSeconds": 1, "failureThreshold": 1}
VOLUME = {"volumes": [{"name": "v", "emptyDir": {}}]}
MOUNT = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("worker")) as machine:
        yield machine


def command(script: str) -> dict[str, object]:
    return {"exec": {"command": ["/bin/sh", "-c", script]}}


def told(result: JobResult) -> list[tuple[str, str]]:
    return [(each.reason, each.message) for each in result.events]


def test_a_restarted_container_has_a_fresh_root_and_its_volumes_as_they_were(worker: Worker) -> None:
    script = (
        "ls /mine 2>/dev/null; touch /mine; echo run >> /v/runs; [ $(grep -c run /v/runs) = 2 ] || exit 3; echo done"
    )
    result = worker.run(planned(pod(shell("a", script, **MOUNT), restartPolicy="OnFailure", **VOLUME)))
    a = ends(result)["a"]
    assert (a.exit_code, a.restart_count) == (0, 1)
    assert a.last is not None and a.last.exit_code == 3
    assert (text(result, "a"), text(result, "a.previous")) == ("done\n", "")


def test_a_crash_loop_is_told_and_ends_with_the_job(worker: Worker) -> None:
    job = worker.start(planned(pod(shell("a", "exit 3"), restartPolicy="Always")))
    waiting = ends(job.wait_until(lambda result: ends(result)["a"].reason == "CrashLoopBackOff"))["a"]
    assert (waiting.state, waiting.restart_count) == (ContainerState.WAITING, 1)
    job.terminate()
    assert ends(job.end())["a"].exit_code == 3


def test_a_command_probes_from_inside_the_container(worker: Worker) -> None:
    """With its root, its environment, its working directory, its processes, and nothing of the machine's."""
    inside = command("[ -e /mine ] && [ $WHO = ana ] && [ $PWD = /srv/work ] && [ -d /proc/1 ] && ! ls /scratch")
    script = f"touch /mine; {POLITE}"
    job = worker.start(planned(pod(shell(
        "a", script, env=[{"name": "WHO", "value": "ana"}], readinessProbe={**inside, **OFTEN}
    ))))  # fmt: skip
    job.wait_until(lambda result: ends(result)["a"].ready)
    job.terminate()
    assert ends(job.end())["a"].exit_code == 0


def test_a_liveness_command_that_fails_ends_the_container_which_comes_again(worker: Worker) -> None:
    script = f"[ -e /v/once ] && exit 0; touch /v/once /v/alive; {POLITE}"
    failing = command("[ -e /v/alive ] && rm /v/alive || { echo is dead; exit 1; }")
    main = shell(
        "a", script, livenessProbe={**failing, **OFTEN, "initialDelaySeconds": 1, "timeoutSeconds": 30}, **MOUNT
    )
    result = worker.run(planned(pod(main, restartPolicy="OnFailure", **VOLUME)))
    assert (ends(result)["a"].exit_code, ends(result)["a"].restart_count) == (0, 1)
    assert text(result, "a.previous") == "up\ntold\n"
    assert ("Unhealthy", "Liveness probe failed: is dead\n") in told(result)
    assert ("Killing", "Container a failed liveness probe, will be restarted") in told(result)


def test_a_command_that_takes_too_long_is_killed_in_the_container(worker: Worker) -> None:
    """The container itself goes on, so that nothing else ends what the command left."""
    slow = command("[ -e /v/once ] && exit 0; touch /v/once; sleep 4321 & exec sleep 4321")
    job = worker.start(planned(pod(shell("a", POLITE, readinessProbe={**slow, **OFTEN}, **MOUNT), **VOLUME)))
    seen = job.wait_until(lambda result: ends(result)["a"].ready)
    (words,) = {message for reason, message in told(seen) if reason == "Unhealthy"}
    assert words.endswith("timed out after 1s")
    left = worker.machine.run(["sh", "-c", "pgrep -f '^sleep 432[1]' || true"]).stdout.split()
    assert left == []
    job.terminate()
    assert ends(job.end())["a"].exit_code == 0


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket", "grpc"])
def test_probes_that_find_nobody_leave_the_container_unready(worker: Worker, kind: str) -> None:
    probe = {kind: {"port": 9}, "periodSeconds": 1}
    job = worker.start(planned(pod(shell("a", POLITE, readinessProbe=probe))))
    seen = job.wait_until(lambda result: "Unhealthy" in [reason for reason, _ in told(result)])
    assert (ends(seen)["a"].ready, ends(seen)["a"].started_up) == (False, True)
    assert "connection refused" in told(seen)[-1][1]
    job.terminate()
    job.end()


# answers whoever connects with these bytes, for as long as its standard input is open
_SERVER = """
import socket, sys, threading
answer = bytes.fromhex(sys.argv[1])
def serve(server):
    while True:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            if answer:
                connection.recv(65536)
                connection.sendall(answer)
server = socket.create_server(("0.0.0.0", 0))
threading.Thread(target=serve, args=(server,), daemon=True).start()
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""
SERVING = b"\x00\x00\x00\x00\x02\x08\x01"  # HealthCheckResponse of SERVING, as a message of gRPC
ANSWERS = {
    "httpGet": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "tcpSocket": b"",
    "grpc": frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, b"\x88") + frame(DATA, END_STREAM, 1, SERVING),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_probes_that_are_answered_make_the_container_ready(worker: Worker, kind: str) -> None:
    """What answers stands beside the container: the job's network is its machine's, so that is the same to a probe."""
    argv = worker.machine.command(["python3", "-c", _SERVER, ANSWERS[kind].hex()])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        probe = {kind: {"port": int(server.stdout.readline())}, "periodSeconds": 1}
        job = worker.start(planned(pod(shell("a", POLITE, readinessProbe=probe))))
        seen = job.wait_until(lambda result: ends(result)["a"].ready)
        assert "Unhealthy" not in [reason for reason, _ in told(seen)]
        job.terminate()
        job.end()
        server.stdin.close()
        assert server.wait(30) == 0


def test_hooks_run_inside_and_in_order(worker: Worker) -> None:
    main = shell(
        "a",
        "trap 'echo TERM >> /v/order; exit 0' TERM; while :; do sleep 0.1; done",
        lifecycle={
            "postStart": command("echo start >> /v/order"),
            "preStop": command("sleep 1; echo stop >> /v/order"),
        },
        **MOUNT,
    )
    beside = shell("b", "while [ ! -e /v/order ]; do sleep 0.1; done; trap 'until grep -q TERM /v/order; do sleep 0.1; done; "
                   "cat /v/order; exit 0' TERM; echo up; while :; do sleep 0.1; done", **MOUNT)  # fmt: skip
    job = worker.start(planned(pod(main, beside, **VOLUME)))
    job.wait_until(lambda result: b"up" in result.logs.get("b", b""))
    job.terminate()
    assert text(job.end(), "b") == "up\nstart\nstop\nTERM\n"


def test_a_sidecar_starts_first_and_ends_last(worker: Worker) -> None:
    beside = shell("s", f"touch /v/up; {POLITE}", restartPolicy="Always", **MOUNT)
    beside["startupProbe"] = {**command("[ -e /v/up ]"), **OFTEN, "failureThreshold": 30}
    result = worker.run(planned(pod(
        shell("a", "[ -e /v/up ] && [ -e /v/init ] && echo fine", **MOUNT),
        initContainers=[beside, shell("i", "[ -e /v/up ] && touch /v/init", **MOUNT)],
        **VOLUME,
    )))  # fmt: skip
    assert (result.phase, result.reason) == (JobPhase.ENDED, "")
    assert text(result, "a") == "fine\n"
    assert text(result, "s") == "up\ntold\n"
    ended = ends(result)
    assert str(ended["a"].finished) <= str(ended["s"].finished)


def test_who_takes_too_much_memory_is_killed_and_nobody_else(worker: Worker) -> None:
    # the shell keeps what it reads in a variable
    eater = shell(
        "a", "x=$(head -c 200000000 /dev/zero | cat -v); sleep 1000", resources={"limits": {"memory": "64Mi"}}
    )
    other = shell("b", "sleep 3; echo fine", resources={"limits": {"memory": "1Gi"}})
    result = worker.run(planned(pod(eater, other)))
    assert (ends(result)["a"].exit_code, ends(result)["a"].reason) == (137, "OOMKilled")
    assert text(result, "b") == "fine\n"


def test_who_writes_too_much_to_its_root_is_evicted(worker: Worker) -> None:
    writer = shell(
        "a", f"head -c 5000000 /dev/zero > /big; {POLITE}", resources={"limits": {"ephemeral-storage": "1Mi"}}
    )
    result = worker.run(planned(pod(writer)))
    assert result.reason == "Evicted"
    assert result.message == 'Container a exceeded its local ephemeral storage limit "1Mi".'


def test_a_container_without_its_image_is_tried_for_a_while(worker: Worker) -> None:
    missing = container("a", "true") | {"image": "nowhere:1"}
    job = worker.start(planned(pod(missing)))
    job.wait_until(lambda result: ends(result)["a"].reason == "ErrImagePull")
    waiting = ends(job.wait_until(lambda result: ends(result)["a"].reason == "ImagePullBackOff"))["a"]
    assert waiting.message.startswith('Back-off pulling image "nowhere:1": ')
    job.terminate()
    assert ends(job.end())["a"].state is ContainerState.WAITING
