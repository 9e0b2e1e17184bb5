"""Ephemeral containers are judged one by one, as those of a create are, and none of them is in the way of anything else.

`HIGHRATE_UPDATE_GOLDEN=1` writes the files anew.
"""

import base64
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.core.compile.update import Update, compile_update
from condor_sidecar.core.policy import ImagePolicy, Policy
from condor_sidecar.job.supervisor import additions
from condor_sidecar.job.supervisor.additions import MOST

from tests.unit.sidecar.compile.pods import Json, container, pod, request
from tests.unit.sidecar.compile.rows import AUTH, SITE, annotated
from tests.unit.sidecar.supervisor.jobs import container as planned_container
from tests.unit.sidecar.supervisor.jobs import pod as planned_pod

GOLDEN = Path(__file__).parent / "golden"
PULLS = replace(SITE, images=ImagePolicy(unpacked_roots=("/cvmfs/unpacked.example.org",), docker_fallback=True))
LOGIN = {"metadata": {"name": "login"}, "data": {".dockerconfigjson": AUTH}}
VOLUMES = [
    {"name": "shared", "emptyDir": {"sizeLimit": "1Mi"}},
    {"name": "settings", "configMap": {"name": "web"}},
    {"name": "site", "hostPath": {"path": "/cvmfs"}},
    {"name": "bad", "hostPath": {"path": "/root"}},
]
RICH = container(
    "debugger",
    image="quay.io/lab/tools:1",
    command=["sh", "-c", "$(WHO) $$(WHO)"],
    env=[{"name": "WHO", "value": "ana"}, {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    workingDir="srv",
    volumeMounts=[{"name": name, "mountPath": f"/{name}"} for name in ("shared", "settings", "site")],
    securityContext={"runAsUser": 1234, "readOnlyRootFilesystem": True},
    targetContainerName="main",
    stdin=True,
    stdinOnce=True,
    tty=True,
)
GREEDY = container(
    "greedy",
    image="UPPER",
    imagePullPolicy="Sometimes",
    env=[{"name": "", "value": "x"}],
    volumeMounts=[{"name": "bad", "mountPath": "/b"}, {"name": "none", "mountPath": "/n"}],
    volumeDevices=[{"name": "shared", "devicePath": "/dev/x"}],
    securityContext={"privileged": True, "capabilities": {"add": ["SYS_PTRACE"]}},
    ports=[{"containerPort": 80}],
    resources={"limits": {"cpu": "1"}},
    livenessProbe={"exec": {"command": ["true"]}},
    lifecycle={"preStop": {"exec": {"command": ["true"]}}},
    restartPolicy="Always",
    somethingNew=1,
)


def compiled(*ephemeral: Json, of: Json | None = None, policy: Policy = PULLS, **objects: Any) -> Update:
    whole = of or pod(container(volumeMounts=[{"name": "shared", "mountPath": "/s"}]), volumes=VOLUMES)
    whole["spec"]["ephemeralContainers"] = list(ephemeral)
    made = compile_update(
        request(whole, config_maps={"web": {"data": {"a.conf": "a"}}}, **objects),
        policy,
        wall_seconds=3600,
        grace_seconds=30,
    )
    assert isinstance(made, Update), made
    return made


def compare(name: str, found: Any) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("HIGHRATE_UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(text)
    assert text == (GOLDEN / name).read_text()


def test_a_container_is_planned_as_those_of_a_create_with_all_that_it_mounts() -> None:
    made = compiled(RICH, pull_secrets=[LOGIN])
    compare("ephemeral.json", additions.encode(made.added))
    assert made.refused == {}
    assert made.volumes == {"settings": {"a.conf": (0o644, b"a")}}, "nobody else mounts it"
    assert b"auths" in made.added.logins["registry/debugger-0.json"]


def test_one_that_asks_too_much_is_told_all_of_it_and_the_others_are_taken() -> None:
    made = compiled(GREEDY, RICH)
    assert [each.name for each in made.added.containers] == ["debugger"]
    assert made.refused.keys() == {"greedy"}
    compare("ephemeral-rejected.json", made.refused["greedy"].split("; "))


def test_a_pod_s_annotations_count_for_it() -> None:
    of = annotated(pod(), arg_quoting="legacy", image_root="/cvmfs/unpacked.example.org/mine")
    made = compiled(container("d", command=["sh", "-c", "'echo hello'"]), of=of)
    (found,) = made.added.containers
    assert found.command == ["sh", "-c", "echo hello"]
    assert found.image.candidates[0] == "/cvmfs/unpacked.example.org/mine/hello:1"


def test_the_pod_s_security_context_counts_for_it() -> None:
    made = compiled(container("d"), of=pod(securityContext={"runAsUser": 0, "runAsNonRoot": True}))
    assert made.refused == {"d": "runAsNonRoot forbids user 0: remove one of both (securityContext.runAsUser)"}


@pytest.mark.parametrize("name", ["main", "first"])
def test_a_name_belongs_to_one_container(name: str) -> None:
    made = compiled(container(name), of=pod(initContainers=[container("first")]))
    assert made.added.containers == []
    assert made.refused[name].startswith(f'another container has the name "{name}"')


def test_a_job_takes_only_so_many() -> None:
    made = compiled(*(container(f"d{number}") for number in range(MOST + 2)))
    assert len(made.added.containers) == MOST
    assert made.refused.keys() == {f"d{MOST}", f"d{MOST + 1}"}


def test_what_the_job_has_is_not_sent_again() -> None:
    made = compiled(RICH, container("other"))
    assert [each.name for each in made.without(["debugger", "main"]).added.containers] == ["other"]
    assert made.without(["debugger", "other"]).added == additions.NOTHING


def test_it_comes_out_of_the_message_as_it_went_in() -> None:
    made = compiled(RICH, pull_secrets=[LOGIN])
    sent = json.loads(json.dumps(additions.encode(made.added)))
    (known, *_), pod_plan = made.added.volumes, planned_pod(planned_container("main"))
    assert additions.read(sent, pod_plan, ["main"]) == made.added
    again = additions.read(sent, pod_plan._replace(volumes=[known]), ["debugger"])
    assert (again.containers, known in again.volumes, again.logins) == ([], False, {})
    assert base64.b64decode(sent["logins"]["registry/debugger-0.json"]) == made.added.logins["registry/debugger-0.json"]
