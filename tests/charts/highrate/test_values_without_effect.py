"""Every value of `singleuser` shows in the pods of users, or it stops the upgrade with what to write instead."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from devcluster.charts import jupyterhub_chart
from hub_config.configured import SECTIONS
from hub_config.conflicts import TAKEN
from hub_config.settings import parse
from hub_config.spawn.environment import environment
from hub_config.spawn.options import Session
from hub_config.spawn.restricted import violations
from hub_config.spawn.volumes import mounts, volumes
from kubernetes_asyncio.client import V1Volume

from tests.charts.highrate.hub import assert_every_volume_is_mounted, run
from tests.charts.refusals import refusal, remedies, the_only_problem
from tests.charts.rendering import ROOT, Chart, Object, Values, merged, read_values

from .test_refusals import MINIMAL

# Told in words of their own: test_refusals.py.
TOLD_ELSEWHERE = {"storage.type", "cloudMetadata.blockWithIptables", "profileList"}
REFUSED: Values = {
    "image": {"name": "registry.example.org/theirs", "tag": "1"},
    "cpu": {"limit": 4, "guarantee": 0.5},
    "memory": {"limit": "4G", "guarantee": "2G"},
    "uid": 4711,
    "fsGid": 4711,
    "allowPrivilegeEscalation": True,
    "extraPodConfig": {"enableServiceLinks": True},
    "storage": {
        "capacity": "20Gi",
        "homeMountPath": "/home/theirs",
        "static": {"pvcName": "theirs", "subPath": "theirs"},
        "dynamic": {
            "storageClass": "theirs",
            "pvcNameTemplate": "theirs",
            "volumeNameTemplate": "theirs",
            "storageAccessModes": ["ReadWriteMany"],
            "subPath": "theirs",
        },
    },
    "networkTools": {
        "image": {
            "name": "registry.example.org/theirs",
            "tag": "1",
            "pullPolicy": "Always",
            "pullSecrets": [{"name": "theirs"}],
        },
        "resources": {"limits": {"memory": "1Gi"}},
    },
}
OFFLOAD = {"images": {"lab": {"offload": True}}}
CONTEXT: Values = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
PRIVATE = {"image": "registry.example.org/helper:1", "securityContext": CONTEXT}
HOST = ("hostNetwork", "hostPID", "hostIPC")
SECRET = {"name": "theirs", "secret": {"secretName": "theirs"}}
NODES = {"matchExpressions": [{"key": "NODES", "operator": "Exists"}]}
PODS = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"PODS": "x"}}}
# By key: a value, and how it shows, in the pod, its claim, the policies or what the hub does.
EFFECTIVE: dict[str, tuple[Any, str]] = {
    "podNameTemplate": ("named-{username}", '"name": "named-mario"'),
    "extraTolerations": ([{"key": "tolerated", "operator": "Exists"}], '"key": "tolerated"'),
    "nodeSelector": ({"selected": "x"}, '"nodeSelector": {"selected": "x"}'),
    "extraNodeAffinity.required": ([json.loads(json.dumps(NODES).replace("NODES", "must"))], '"key": "must"'),
    "extraNodeAffinity.preferred": (
        [{"weight": 1, "preference": json.loads(json.dumps(NODES).replace("NODES", "may"))}],
        '"key": "may"',
    ),
    "extraPodAffinity.required": ([json.loads(json.dumps(PODS).replace("PODS", "with"))], '"with": "x"'),
    "extraPodAffinity.preferred": (
        [{"weight": 1, "podAffinityTerm": json.loads(json.dumps(PODS).replace("PODS", "rather-with"))}],
        '"rather-with": "x"',
    ),
    "extraPodAntiAffinity.required": ([json.loads(json.dumps(PODS).replace("PODS", "without"))], '"without": "x"'),
    "extraPodAntiAffinity.preferred": (
        [{"weight": 1, "podAffinityTerm": json.loads(json.dumps(PODS).replace("PODS", "rather-not"))}],
        '"rather-not": "x"',
    ),
    "cloudMetadata.ip": ("192.0.2.99", '"192.0.2.99/32"'),
    "networkPolicy": ({"ingress": [{"ports": [{"port": 4711}]}]}, '"port": 4711'),
    "events": (False, '"events_enabled": false'),
    "extraAnnotations": ({"annotated": "x"}, '"annotated": "x"'),
    "extraLabels": ({"labelled": "x"}, '"labelled": "x"'),
    "extraFiles": ({"a": {"mountPath": "/etc/a-file", "stringData": "a"}}, '"mountPath": "/etc/a-file"'),
    "extraEnv": ({"TOLD": "x"}, '"name": "TOLD"'),
    "lifecycleHooks": ({"postStart": {"exec": {"command": ["a-hook"]}}}, '"a-hook"'),
    "initContainers": ([{"name": "before", **PRIVATE}], '"name": "before"'),
    "extraContainers": ([{"name": "beside", **PRIVATE}], '"name": "beside"'),
    "serviceAccountName": ("an-account", '"serviceAccountName": "an-account"'),
    "storage.extraLabels": ({"claimed": "x"}, '"claimed": "x"'),
    "storage.extraVolumes": ([{"name": "data", "emptyDir": {}}], '"name": "data"'),
    "storage.extraVolumeMounts": ([{"name": "data", "mountPath": "/data"}], '"mountPath": "/data"'),
    "image.pullPolicy": ("Always", '"imagePullPolicy": "Always"'),
    "image.pullSecrets": ([{"name": "pulled"}], '"imagePullSecrets": [{"name": "pulled"}]'),
    "startTimeout": (4711, '"start_timeout": 4711'),
    "extraResource.limits": ({"example.org/gpu": "1"}, '"example.org/gpu": "1"'),
    "extraResource.guarantees": ({"example.org/fpga": "1"}, '"example.org/fpga": "1"'),
    "cmd": (["a-command"], '"a-command"'),
    "defaultUrl": ("/a-page", '"default_url": "/a-page"'),
    "extraPodConfig": ({"hostname": "a-host"}, '"hostname": "a-host"'),
}
BESIDE: list[tuple[Values, str]] = [
    ({"singleuser": {"extraEnv": {"HOME": "/root"}}}, "singleuser.extraEnv.HOME is set, but has no effect"),
    (
        {"singleuser": {"storage": {"extraVolumes": [{"name": "highrate-run", "emptyDir": {}}]}}},
        "extraVolumes and the platform's volumes contradict",
    ),
    (
        {"singleuser": {"storage": {"extraVolumes": {"x": {"name": "highrate-run", "emptyDir": {}}}}}},
        "extraVolumes and the platform's volumes contradict",
    ),
    (
        {"singleuser": {"storage": {"extraVolumeMounts": [{"name": "data", "mountPath": "/scratch/"}]}}},
        "extraVolumeMounts and the platform's mounts contradict",
    ),
    (
        {"custom": {"highrate": {"home": {"mountPath": "/scratch/home"}}}},
        "home.mountPath and the platform's mounts contradict",
    ),
    ({"hub": {"consecutiveFailureLimit": 9}}, "hub.consecutiveFailureLimit is set, but has no effect"),
    (
        {"hub": {"config": {"JupyterHub": {"tornado_settings": {"slow_spawn_timeout": 3}}}}},
        "tornado_settings.slow_spawn_timeout is set, but has no effect",
    ),
    ({"hub": {"templateVars": {"highrate_contact": "me"}}}, "templateVars.highrate_contact is set, but has no effect"),
    (
        {"hub": {"config": {"JupyterHub": {"spawner_class": "kubespawner.KubeSpawner"}}}},
        "spawner_class and jupyterhub.custom.highrate contradict",
    ),
    *(({"singleuser": {"extraPodConfig": {key: True}}}, f"extraPodConfig.{key} and the restricted") for key in HOST),
    *(
        ({"singleuser": {"storage": {"extraVolumes": theirs}}}, f"data is {kind}, which is")
        for kind in ("nfs", "hostPath", "cephfs")
        for theirs in ([SECRET, {"name": "data", kind: {}}], {"x": {"name": "data", kind: {}}})
    ),
]
# By what is wrong with it: the context of a container beside a session's.
TOO_MUCH: dict[str, Values | None] = {
    "nothing is said": None,
    "privileged": {**CONTEXT, "privileged": True},
    "may raise its rights": {**CONTEXT, "allowPrivilegeEscalation": True},
    "keeps capabilities": {**CONTEXT, "capabilities": {"drop": ["KILL"]}},
}


def test_every_value_is_one_or_the_other() -> None:
    known = {*_paths(REFUSED), *EFFECTIVE, *TOLD_ELSEWHERE}
    defaults = read_values(jupyterhub_chart(ROOT).folder / "values.yaml")["singleuser"]
    assert [key for key in _paths(defaults) if not any(f"{key}.".startswith(f"{each}.") for each in known)] == []


async def test_what_is_not_refused_shows(
    chart: Chart, spawner: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: Values = {}
    for key, (value, _) in EFFECTIVE.items():
        values = merged(values, _below(key, value))
    seen = await _seen(chart.render(_with(values)), spawner, tmp_path / "changed", monkeypatch)
    assert [key for key, (_, sign) in EFFECTIVE.items() if sign not in seen] == []
    plain = await _seen(chart.render(MINIMAL), spawner, tmp_path / "plain", monkeypatch)
    assert [key for key, (_, sign) in EFFECTIVE.items() if sign in plain] == []


def test_what_would_not_show_is_refused_with_what_to_write(chart: Chart) -> None:
    refused = _with(REFUSED)
    text = refusal(chart, refused)
    told = set(re.findall(r"^jupyterhub\.singleuser\.(\S+) is set, but has no effect: ", text, re.MULTILINE))
    assert told == set(_paths(REFUSED))
    for remedy in remedies(text):
        refused = merged(refused, remedy)
    assert_every_volume_is_mounted(chart.render(refused))
    home = refused["jupyterhub"]["custom"]["highrate"]["home"]
    assert (home["uid"], home["gid"], home["mountPath"]) == (4711, 4711, "/home/theirs"), "what can be kept is kept"
    assert (home["capacity"], home["storageClass"], home["accessModes"]) == ("20Gi", "theirs", ["ReadWriteMany"])


def test_the_chart_refuses_what_the_hub_refuses(chart: Chart) -> None:
    """Nobody should learn from a hub that doesn't start what the upgrade could have said."""
    keys = {taken.key.removeprefix("singleuser.") for taken in TAKEN if taken.key}
    assert keys <= {*_paths(REFUSED), *TOLD_ELSEWHERE}
    theirs = {section: {taken.trait: "theirs" for taken in TAKEN} for section in SECTIONS}
    refused = merged(MINIMAL, {"jupyterhub": {"hub": {"config": theirs}}})
    text = refusal(chart, refused)
    told = re.findall(r"^jupyterhub\.hub\.config\.(\S+) is set, but has no effect: ", text, re.MULTILINE)
    assert sorted(told) == sorted(f"{section}.{taken.trait}" for section in SECTIONS for taken in TAKEN)


def test_what_is_said_of_the_hub_s_classes_makes_an_install(
    chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {"KubeSpawner": {"uid": 4711, "privileged": True}, "Spawner": {"mem_limit": "1G"}}
    refused = merged(MINIMAL, {"jupyterhub": {"hub": {"config": theirs}}})
    for remedy in remedies(refusal(chart, refused)):
        refused = merged(refused, remedy)
    assert run(chart.render(refused), tmp_path, monkeypatch).config.PlatformSpawner.uid == 4711


@pytest.mark.parametrize(("changes", "sentence"), BESIDE, ids=[case[1] for case in BESIDE])
def test_what_would_take_the_place_of_ours_is_refused(
    chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: Values, sentence: str
) -> None:
    refused = merged(MINIMAL, {"jupyterhub": changes})
    (remedy,) = remedies(the_only_problem(chart, refused, sentence))
    assert run(chart.render(merged(refused, remedy)), tmp_path, monkeypatch)


@pytest.mark.parametrize("key", ["initContainers", "extraContainers"])
@pytest.mark.parametrize("context", TOO_MUCH.values(), ids=list(TOO_MUCH))
def test_a_container_with_more_rights_than_a_session_is_refused(
    chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, context: Values | None
) -> None:
    container = {**PRIVATE, "name": "theirs", "securityContext": context}
    text = the_only_problem(chart, _with({key: [container]}), f"singleuser.{key} and the restricted pods of users")
    (remedy,) = remedies(text)
    assert run(chart.render(_with({key: [merged(container, remedy)]})), tmp_path, monkeypatch)


def test_the_chart_allows_the_kinds_of_volumes_that_the_hub_allows(chart: Chart) -> None:
    known: dict[str, str] = V1Volume.attribute_map  # type: ignore[attr-defined] # of generated code
    kinds = {kind for kind in known.values() if kind != "name"}
    each = [{"name": kind.lower(), kind: {}} for kind in sorted(kinds)]
    text = refusal(chart, _with({"storage": {"extraVolumes": each}}))
    pod = {"spec": {"containers": [], "volumes": each}}
    assert set(re.findall(r"\w+ is (\w+)[,\n]", text)) == {one.split(".")[2].split()[0] for one in violations(pod)}


@pytest.mark.parametrize(
    "given",
    [{}, {"cvmfs": {"mode": "pvc", "claim": "cvmfs"}}, {"dask": {"enabled": True}, "catalogue": OFFLOAD}],
    ids=lambda given: next(iter(given), "nothing"),
)
def test_the_chart_knows_all_variables_volumes_and_paths_of_a_session(chart: Chart, given: Values) -> None:
    users = merged(MINIMAL, {"jupyterhub": {"custom": {"highrate": given}}})
    told = {"url": "https://tokens.example.org", "caConfigMap": "authority", "profile": "storage"}
    found = {"tokens": told, "dask": {"url": "http://gateway.example.org"}}
    platform = parse(merged(users["jupyterhub"]["custom"]["highrate"], found))
    session = Session(image="a:1", cores=1, memory=1, offload=True)
    paths = [str(place["mountPath"]) for place in mounts(platform).values()]
    ours: Values = {
        "extraEnv": dict.fromkeys(environment(platform, session), "theirs"),
        "storage": {
            "extraVolumes": [{"name": name, "emptyDir": {}} for name in volumes(platform)],
            "extraVolumeMounts": [{"name": "data", "mountPath": path} for path in paths],
        },
    }
    text = refusal(chart, merged(users, {"jupyterhub": {"singleuser": ours}}))
    assert set(re.findall(r"extraEnv\.(\S+) is set", text)) == environment(platform, session).keys()
    assert set(re.findall(r"volumes contradict each other: (\S+) is", text)) == volumes(platform).keys()
    assert re.findall(r"mounts contradict each other: (\S+) is", text) == paths


async def _seen(
    objects: list[Object], spawner: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Pod and claim of a user, the chart's objects of users, and what the hub does beside: one text."""
    made = spawner(config=run(objects, folder, monkeypatch).config)
    await made.load_user_options()
    plain = made.api.api_client.sanitize_for_serialization
    pod, claim = plain(await made.get_pod_manifest()), plain(made.get_pvc_manifest())
    traits = {name: getattr(made, name) for name in ("events_enabled", "start_timeout", "default_url")}
    ours = [each for each in objects if each["metadata"]["name"] == "singleuser" and each["kind"] == "NetworkPolicy"]
    return json.dumps([pod, claim, traits, ours])


def _with(singleuser: Values) -> Values:
    return merged(MINIMAL, {"jupyterhub": {"singleuser": singleuser}})


def _below(key: str, value: Any) -> Values:
    for name in reversed(key.split(".")):
        value = {name: value}
    found: Values = value
    return found


def _paths(values: Values, prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value and name not in ("resources", "extraLabels"):
            yield from _paths(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
