"""What an ordinary pod does on a virtual node, through the schedd and through the compute element alike."""

import json
import time

import pytest
from devcluster.platform import Platform as WholePlatform

from tests.cluster.conftest import Platform
from tests.cluster.listener import listening
from tests.cluster.pods import Pods, create_many, manifest, shell, terminated, uid, wait_for_all

# what shells, submit files, ClassAds, log formats and JSON each find hard
HOSTILE = [
    "plain",
    "",
    "two words",
    'it\'s "quoted"',
    "back`tick` $(touch /tmp/pwned) ${HOME} $HOME",
    "new\nline\ttab",
    "trailing newline\n",
    "back\\slash \\n \\\\",
    "üñí-çødé ☃ 漢字",
    "a=b;c|d&e>f<g*h?[i]{j}!k#l~m%n",
    "--leading-dashes",
    "+Evil = True",
    "$$(NOT_EXPANDED)",
]


def test_hello_world_ends_with_0_and_its_log(pods: Pods, node: str, hello: str) -> None:
    pod = pods.run(manifest(node, [{"name": "c", "image": hello, "args": ["HTCondor"]}]))
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    assert terminated(pod, "c")["exitCode"] == 0
    assert terminated(pod, "c")["reason"] == "Completed"
    assert "Hello" in pods.logs(pod)
    assert "HTCondor" in pods.logs(pod)
    conditions = {c["type"]: c["status"] for c in pod.obj["status"]["conditions"]}
    assert conditions["PodScheduled"] == "True"
    assert conditions["Ready"] == "False"


def test_an_exit_code_comes_back(pods: Pods, node: str, hello: str) -> None:
    pod = pods.run(manifest(node, [shell("c", hello, "echo to the log; echo and here >&2; exit 42")]))
    assert pod.obj["status"]["phase"] == "Failed"
    assert terminated(pod, "c")["exitCode"] == 42
    assert sorted(pods.logs(pod).splitlines()) == ["and here", "to the log"]


def test_one_of_three_containers_fails(pods: Pods, node: str, hello: str) -> None:
    containers = [
        shell("good", hello, "exit 0"),
        shell("bad", hello, "exit 3"),
        shell("slow", hello, "sleep 2; echo done"),
    ]
    pod = pods.run(manifest(node, containers))
    assert pod.obj["status"]["phase"] == "Failed"
    assert {name: terminated(pod, name)["exitCode"] for name in ("good", "bad", "slow")} == {
        "good": 0,
        "bad": 3,
        "slow": 0,
    }
    assert pods.logs(pod, "slow") == "done\n"


def test_init_containers_run_in_order_before_the_others(pods: Pods, node: str, hello: str) -> None:
    mount = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    pod = pods.run(
        manifest(
            node,
            [shell("c", hello, "cat /shared/order", **mount)],
            initContainers=[
                shell("one", hello, "echo one >> /shared/order", **mount),
                shell("two", hello, "echo two >> /shared/order", **mount),
            ],
            volumes=[{"name": "shared", "emptyDir": {}}],
        )
    )
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    assert pods.logs(pod) == "one\ntwo\n"


def test_a_failing_init_container_fails_the_pod_and_nothing_else_runs(pods: Pods, node: str, hello: str) -> None:
    pod = pods.run(
        manifest(
            node,
            [shell("c", hello, "echo must not run")],
            initContainers=[shell("first", hello, "exit 7"), shell("second", hello, "echo nor this")],
        )
    )
    assert pod.obj["status"]["phase"] == "Failed"
    assert terminated(pod, "first", "initContainerStatuses")["exitCode"] == 7
    names = [s["name"] for s in pod.obj["status"]["initContainerStatuses"] + pod.obj["status"]["containerStatuses"]]
    assert names == ["first", "second", "c"]
    assert "must not run" not in pods.logs(pod, "c")


def test_arguments_and_environment_arrive_byte_for_byte(pods: Pods, node: str, hello: str) -> None:
    program = (
        "import json, os, sys; print(json.dumps({'args': sys.argv[1:], 'env': {k: v for k, v in os.environ.items()"
        " if k.startswith('H_') or '.' in k}, 'cwd': os.getcwd()}))"
    )
    env = [{"name": f"H_{n}", "value": value.replace("$", "$$")} for n, value in enumerate(HOSTILE)]
    env.append({"name": "no.shell-name", "value": "yes"})
    env.append({"name": "H_REF", "value": "<$(H_2)>"})
    # a kubelet expands $(NAME) in values and arguments: $$ is where the character itself is meant
    args = [value.replace("$", "$$") for value in HOSTILE]
    container = {
        "name": "c",
        "image": hello,
        "command": ["python3", "-c", program],
        "args": [*args, "$(H_REF)", "$(UNKNOWN)"],
        "env": env,
        "workingDir": "/var/tmp",
    }
    pod = pods.run(manifest(node, [container]))
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    seen = json.loads(pods.logs(pod))
    assert seen["args"] == [*HOSTILE, "<two words>", "$(UNKNOWN)"]
    assert [seen["env"][f"H_{n}"] for n in range(len(HOSTILE))] == HOSTILE
    assert seen["env"]["no.shell-name"] == "yes"
    assert seen["cwd"] == "/var/tmp"


def test_config_maps_and_secrets_as_volumes_and_environment(pods: Pods, node: str, hello: str, objects: str) -> None:
    container = shell(
        "c",
        hello,
        "cat /c/text; cat /c/sub/renamed; cat /s/key; stat -Lc %a /s/key; cat /one; echo $FROM_CM $FROM_SECRET $P_text",
        env=[
            {"name": "FROM_CM", "valueFrom": {"configMapKeyRef": {"name": objects, "key": "text"}}},
            {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": objects, "key": "key"}}},
        ],
        envFrom=[{"prefix": "P_", "configMapRef": {"name": objects}}],
        volumeMounts=[
            {"name": "c", "mountPath": "/c"},
            {"name": "s", "mountPath": "/s"},
            {"name": "c", "mountPath": "/one", "subPath": "text"},
        ],
    )
    items = [{"key": "text", "path": "text"}, {"key": "other", "path": "sub/renamed"}]
    pod = pods.run(
        manifest(
            node,
            [container],
            volumes=[
                {"name": "c", "configMap": {"name": objects, "items": items}},
                {"name": "s", "secret": {"secretName": objects, "defaultMode": 0o400}},
            ],
        )
    )
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    assert pods.logs(pod) == "hello\nother\ns3cret\n400\nhello\nhello s3cret hello\n"


def test_the_images_entrypoint_and_arguments_follow_the_rules(pods: Pods, node: str, hello: str) -> None:
    pod = pods.run(
        manifest(node, [{"name": "image", "image": hello}, {"name": "args", "image": hello, "args": ["you"]}])
    )
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    assert "world" in pods.logs(pod, "image")
    assert "you" in pods.logs(pod, "args")


def test_the_root_and_home_are_writable_as_in_a_container(pods: Pods, node: str, hello: str) -> None:
    script = "echo a > /usr/local/new && echo b > $HOME/new && echo c > new && cat /usr/local/new $HOME/new new"
    pod = pods.run(manifest(node, [shell("c", hello, script)]))
    assert pods.logs(pod) == "a\nb\nc\n", pods.story(pod)


def test_the_log_of_a_running_pod_is_followed(platform: Platform, pods: Pods, node: str, hello: str) -> None:
    """It runs until it is told to end: what comes before can't have waited for that."""
    script = "echo line 1; echo line 2; until [ -e /tmp/end ]; do sleep 0.2; done; echo line 3"
    pod = pods.create(manifest(node, [shell("c", hello, script)]))
    pods.wait_for_phase(pod, "Running")
    lines = pods.follow(pod)
    assert [next(lines), next(lines)] == ["line 1", "line 2"]
    pod.reload()
    assert pod.obj["status"]["phase"] == "Running", pods.story(pod)
    kubectl = WholePlatform(platform.checkout).kubectl
    kubectl("exec", pod.name, f"--namespace={pods.namespace}", "--", "touch", "/tmp/end")
    assert list(lines) == ["line 3"]


def test_log_options(pods: Pods, node: str, hello: str) -> None:
    pod = pods.run(manifest(node, [shell("c", hello, "for i in 1 2 3 4 5; do echo line $i; done")]))
    assert pods.logs(pod, tail_lines=2) == "line 4\nline 5\n"
    assert pods.logs(pod, limit_bytes=6) == "line 1"
    stamped = pods.logs(pod, timestamps=True).splitlines()[0]
    assert stamped.endswith(" line 1")
    assert stamped.startswith("20")


POLITE = """
import signal, socket, sys, time
teller = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
def told(*_):
    teller.sendall(b"told\\n")
    time.sleep(2)
    teller.sendall(b"ended\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
print("up", flush=True)
while True:
    time.sleep(0.2)
"""


def test_deleting_a_running_pod_removes_the_job_and_lets_it_end_in_its_own_way(
    pods: Pods, node: str, hello: str, platform: Platform
) -> None:
    """It is asked to end, and has its grace period for that; with the pod its log is gone, so it tells by other means."""
    with listening(platform.site) as listener:
        container = {"name": "c", "image": hello, "command": ["python3", "-c", POLITE, str(listener.port)]}
        pod = pods.create(manifest(node, [container], terminationGracePeriodSeconds=20))
        pods.wait_for_phase(pod, "Running")
        assert next(pods.follow(pod)) == "up"
        assert platform.jobs_of(uid(pod))
        pod.delete()
        pods.wait_until_gone(pod)
        end = time.monotonic() + 60
        while platform.jobs_of(uid(pod)):
            assert time.monotonic() < end, "the job outlives its pod"
            time.sleep(0.5)
        assert listener.heard() == "told\nended\n"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"volumes": [{"name": "h", "hostPath": {"path": "/etc"}}]}, "hostPath"),
        ({"hostPID": True}, "hostPID"),
        ({"hostIPC": True}, "hostIPC"),
    ],
)
def test_a_pod_that_can_never_run_there_fails_with_a_sentence(
    pods: Pods, node: str, hello: str, fields: dict[str, object], words: str
) -> None:
    mounts = [{"name": "h", "mountPath": "/h"}] if "volumes" in fields else []
    pod = pods.run(manifest(node, [shell("c", hello, "true", volumeMounts=mounts)], **fields))
    assert pod.obj["status"]["phase"] == "Failed"
    assert words in pod.obj["status"]["message"], pods.story(pod)
    pods.wait(pod, lambda _: any(words in event for event in pods.events(pod)), "an event that says so")


def test_a_failed_container_runs_again_in_the_same_job(pods: Pods, node: str, hello: str, platform: Platform) -> None:
    script = "if [ -e /v/once ]; then echo two; else touch /v/once; echo one; exit 3; fi"
    again = shell("c", hello, script, volumeMounts=[{"name": "v", "mountPath": "/v"}])
    volumes = [{"name": "v", "emptyDir": {}}]
    pod = pods.run(manifest(node, [again], restartPolicy="OnFailure", volumes=volumes))
    assert pod.obj["status"]["phase"] == "Succeeded", pods.story(pod)
    (status,) = pod.obj["status"]["containerStatuses"]
    assert (status["restartCount"], status["lastState"]["terminated"]["exitCode"]) == (1, 3)
    assert (pods.logs(pod), pods.logs(pod, previous=True)) == ("two\n", "one\n")
    assert platform.jobs_of_pods([uid(pod)]) == {uid(pod): 1}


def test_a_pod_is_ready_when_its_probe_says_so_and_a_sidecar_runs_beside_it(pods: Pods, node: str, hello: str) -> None:
    waits = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
    shared = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    ready = {"exec": {"command": ["sh", "-c", "[ -e /v/ready ]"]}, "periodSeconds": 1}
    makes_ready = shell("s", hello, f"sleep 3; touch /v/ready; {waits}", restartPolicy="Always", **shared)
    pod = pods.create(
        manifest(
            node,
            [shell("c", hello, waits, readinessProbe=ready, **shared)],
            initContainers=[makes_ready],
            volumes=[{"name": "v", "emptyDir": {}}],
        )
    )

    def condition(obj: dict[str, object], kind: str) -> str:
        status = obj["status"]
        assert isinstance(status, dict)
        return next((each["status"] for each in status.get("conditions", []) if each["type"] == kind), "")

    pods.wait(pod, lambda obj: condition(obj, "Ready") == "True", "the pod is ready")
    assert condition(pod.obj, "Initialized") == "True"
    (beside,) = pod.obj["status"]["initContainerStatuses"]
    assert (beside["started"], "running" in beside["state"]) == (True, True)


def test_an_image_that_is_nowhere_is_shown_as_a_kubelet_shows_it(pods: Pods, node: str) -> None:
    pod = pods.create(manifest(node, [shell("c", "registry.invalid/nothing:1", "true")]))

    def told(obj: dict[str, object]) -> bool:
        text = json.dumps(obj["status"])
        return "ErrImagePull" in text or "ImagePullBackOff" in text

    pods.wait(pod, told, "an image error")
    assert "registry.invalid/nothing:1" in json.dumps(pod.obj["status"])


@pytest.mark.timeout(600)
def test_fifty_pods_at_once_all_end_well_and_each_is_one_job(
    pods: Pods, node: str, hello: str, platform: Platform
) -> None:
    made = create_many(pods, node, 50, hello)
    wait_for_all(pods, made, 400)
    assert {pod.obj["status"]["phase"] for pod in made} == {"Succeeded"}
    assert platform.jobs_of_pods([uid(p) for p in made]) == dict.fromkeys((uid(p) for p in made), 1)
    assert {pods.logs(pod) for pod in made} == {"started\nended\n"}
