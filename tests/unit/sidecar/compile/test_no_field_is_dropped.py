"""A field changes the job, or its pod is told why not, or it is listed as harmless: never is it dropped in silence.

One pod has something in every place of the tables of fields; each field that some module reads is changed in it, and each that none
does is shown to change nothing.
"""

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from condor_sidecar.core.compile import compile_pod, handlers, probes, supported
from condor_sidecar.core.compile.supported import Check, Each, Fields, harmless, read
from condor_sidecar.model.plan import Rejection

from tests.unit.sidecar.compile.pods import Json, container, pod, request
from tests.unit.sidecar.compile.rows import SITE, claim

HTTP = {"path": "/", "port": "web", "scheme": "HTTP", "httpHeaders": [{"name": "n", "value": "v"}]}
KEY = {"key": "k", "path": "k", "mode": 256}
SOURCES: Json = {
    "configMap": {"name": "c", "items": [KEY]},
    "secret": {"name": "s", "items": [KEY | {"path": "s"}]},
    "downwardAPI": {"items": [{"path": "d", "mode": 256, "fieldRef": {"fieldPath": "metadata.name"}}]},
    "serviceAccountToken": {"path": "token", "audience": "a", "expirationSeconds": 600},
}
KINDS: Json = {
    "emptyDir": {},
    "configMap": {"name": "c", "items": [KEY]},
    "secret": {"secretName": "s", "items": [KEY]},
    "projected": {"sources": [SOURCES]},
    "downwardAPI": {"items": [{"path": "d", "mode": 256, "fieldRef": {"fieldPath": "metadata.name"}}]},
    "hostPath": {"path": "/data/x"},
    "persistentVolumeClaim": {"claimName": "home"},
    "ephemeral": {"volumeClaimTemplate": {}},
    "csi": {"driver": "cvmfs.csi.cern.ch", "volumeAttributes": {"repository": "a.cern.ch"}},
}
OBJECTS: Json = {
    "config_maps": {"c": {"data": {"k": "v", "other": "w"}}},
    "secrets": {"s": {"k": b"v", "other": b"w"}},
    "projected": {"projected": {"k": "v", "s": "v", "d": "x", "token": "t"}, "downwardAPI": {"d": "x"}},
    "claims": [claim("persistentVolumeClaim", "home"), claim("ephemeral", "hello-ephemeral")],
}


def whole() -> Json:
    """The pod with something everywhere."""
    main = container(
        env=[{"name": "A", "value": "1"}],
        ports=[{"name": "web", "containerPort": 80, "hostPort": 80}],
        volumeMounts=[{"name": kind, "mountPath": f"/mnt/{kind}"} for kind in KINDS],
        startupProbe={"httpGet": HTTP},
        readinessProbe={"tcpSocket": {"port": 80}},
        livenessProbe={"grpc": {"port": 80}},
        lifecycle={"postStart": {"exec": {"command": ["a"]}}, "preStop": {"sleep": {"seconds": 1}}},
    )
    return pod(
        main,
        initContainers=[container("i")],
        volumes=[{"name": kind, kind: source} for kind, source in KINDS.items()],
        hostAliases=[{"ip": "10.0.0.1", "hostnames": ["x"]}],
        dnsConfig={"nameservers": ["10.0.0.1"], "searches": ["x"], "options": [{"name": "ndots", "value": "1"}]},
        subdomain="s",
    )


TABLES: dict[str, Mapping[str, Check]] = {
    "": supported.POD,
    "containers.0": supported.CONTAINER,
    "containers.0.startupProbe": probes.PROBE,
    "containers.0.startupProbe.httpGet": handlers.HTTP,
    "containers.0.readinessProbe.tcpSocket": handlers.TCP,
    "containers.0.livenessProbe.grpc": handlers.GRPC,
    "containers.0.lifecycle": probes.LIFECYCLE,
    "containers.0.lifecycle.postStart.exec": handlers.EXEC,
    "containers.0.lifecycle.preStop.sleep": handlers.SLEEP,
    **{f"volumes.{number}": {kind: supported.VOLUME[kind]} for number, kind in enumerate(KINDS)},
}

LIMIT = {"limits": {"memory": "1Gi"}}
USER = {"runAsUser": 5}
# path -> a value that the pod above has not
CHANGES: dict[str, Any] = {
    "containers": [],
    "initContainers": [],
    "volumes": [],
    "securityContext": USER,
    "terminationGracePeriodSeconds": 7,
    "activeDeadlineSeconds": 60,
    "hostname": "other",
    "hostAliases.0.ip": "10.0.0.2",
    "hostAliases.0.hostnames": ["y"],
    "hostNetwork": True,
    "subdomain": "other",
    "dnsPolicy": "None",
    "dnsConfig.nameservers": ["10.0.0.2"],
    "dnsConfig.searches": ["y"],
    "dnsConfig.options.0.name": "timeout",
    "dnsConfig.options.0.value": "2",
    "setHostnameAsFQDN": True,
    "hostnameOverride": "other",
    "resources": LIMIT,
    "containers.0.name": "other",
    "containers.0.image": "other",
    "containers.0.command": ["a"],
    "containers.0.args": ["a"],
    "containers.0.workingDir": "/w",
    "containers.0.env.0.name": "B",
    "containers.0.env.0.value": "2",
    "containers.0.env.0.valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}},
    "containers.0.envFrom": [{"configMapRef": {"name": "c"}}],
    "containers.0.resources": LIMIT,
    "containers.0.volumeMounts.0.name": "hostPath",
    "containers.0.volumeMounts.0.mountPath": "/other",
    "containers.0.volumeMounts.0.subPath": "x",
    "containers.0.volumeMounts.0.subPathExpr": "$(A)",
    "containers.0.volumeMounts.0.readOnly": True,
    "containers.0.volumeMounts.0.mountPropagation": "Bidirectional",
    "containers.0.volumeMounts.0.recursiveReadOnly": "Enabled",
    "containers.0.securityContext": USER,
    "containers.0.ports.0.name": "other",
    "containers.0.ports.0.containerPort": 81,
    "containers.0.ports.0.hostPort": 81,
    "containers.0.terminationMessagePath": "/m",
    "containers.0.terminationMessagePolicy": "FallbackToLogsOnError",
    "containers.0.imagePullPolicy": "Never",
    "containers.0.restartPolicy": "Always",
    "containers.0.livenessProbe": None,
    "containers.0.readinessProbe": None,
    "containers.0.startupProbe": None,
    "containers.0.lifecycle": None,
    "containers.0.stdin": True,
    "containers.0.stdinOnce": True,
    "containers.0.tty": True,
    "containers.0.startupProbe.exec": {"command": ["a"]},
    "containers.0.startupProbe.httpGet": None,
    "containers.0.startupProbe.tcpSocket": {"port": 80},
    "containers.0.startupProbe.grpc": {"port": 80},
    "containers.0.startupProbe.initialDelaySeconds": 7,
    "containers.0.startupProbe.periodSeconds": 7,
    "containers.0.startupProbe.timeoutSeconds": 7,
    "containers.0.startupProbe.successThreshold": 7,
    "containers.0.startupProbe.failureThreshold": 7,
    "containers.0.startupProbe.terminationGracePeriodSeconds": 7,
    "containers.0.startupProbe.httpGet.path": "/other",
    "containers.0.startupProbe.httpGet.port": 81,
    "containers.0.startupProbe.httpGet.host": "other",
    "containers.0.startupProbe.httpGet.httpHeaders.0.name": "m",
    "containers.0.startupProbe.httpGet.httpHeaders.0.value": "w",
    "containers.0.readinessProbe.tcpSocket.port": 81,
    "containers.0.readinessProbe.tcpSocket.host": "other",
    "containers.0.livenessProbe.grpc.port": 81,
    "containers.0.livenessProbe.grpc.service": "other",
    "containers.0.lifecycle.postStart": None,
    "containers.0.lifecycle.preStop": None,
    "containers.0.lifecycle.stopSignal": "SIGINT",
    "containers.0.lifecycle.postStart.exec.command": ["b"],
    "containers.0.lifecycle.preStop.sleep.seconds": 2,
    "volumes.0.emptyDir.medium": "Memory",
    "volumes.0.emptyDir.sizeLimit": "1Gi",
    "volumes.1.configMap.name": "other",
    "volumes.1.configMap.items.0.key": "other",
    "volumes.1.configMap.items.0.path": "other",
    "volumes.1.configMap.items.0.mode": 0,
    "volumes.2.secret.secretName": "other",
    "volumes.2.secret.items.0.key": "other",
    "volumes.2.secret.items.0.path": "other",
    "volumes.2.secret.items.0.mode": 0,
    "volumes.3.projected.defaultMode": 0,
    "volumes.3.projected.sources.0.configMap.items.0.mode": 0,
    "volumes.3.projected.sources.0.configMap.items.0.path": "other",
    "volumes.3.projected.sources.0.secret.items.0.mode": 0,
    "volumes.3.projected.sources.0.secret.items.0.path": "other",
    "volumes.3.projected.sources.0.downwardAPI.items.0.mode": 0,
    "volumes.3.projected.sources.0.downwardAPI.items.0.path": "other",
    "volumes.4.downwardAPI.items.0.mode": 0,
    "volumes.4.downwardAPI.items.0.path": "other",
    "volumes.5.hostPath.path": "/data/y",
    "volumes.5.hostPath.type": "File",
    "volumes.6.persistentVolumeClaim.claimName": "other",
    "volumes.6.persistentVolumeClaim.readOnly": True,
    "volumes.8.csi.driver": "other",
    "volumes.8.csi.volumeAttributes": {"repository": "b.cern.ch"},
}
ELSEWHERE = {
    "volumes.1.configMap.defaultMode": "every file of that volume has a mode of its own: test_volumes",
    "volumes.1.configMap.optional": "what is there is mounted either way: test_volumes",
    "volumes.2.secret.defaultMode": "as for ConfigMaps",
    "volumes.2.secret.optional": "as for ConfigMaps",
    "volumes.3.projected.sources.0.configMap.optional": "what is there is mounted either way: test_volumes",
    "volumes.3.projected.sources.0.secret.optional": "as for ConfigMaps",
    "volumes.3.projected.sources.0.configMap.items.0.key": "the virtual node has read it",
    "volumes.3.projected.sources.0.secret.items.0.key": "the virtual node has read it",
    "volumes.4.downwardAPI.defaultMode": "every file of that volume has a mode of its own: test_volumes",
    "volumes.8.csi.readOnly": "the site's CVMFS is never writable: test_site_volumes",
}


def places(table: Mapping[str, Check], path: str) -> Iterator[tuple[str, Check]]:
    """Each field of the table and of those below it, with its path in the pod above."""
    for name, check in table.items():
        place = f"{path}.{name}".lstrip(".")
        match check:
            case Fields(table=below):
                yield from places(below, place)
            case Each(table=below):
                yield from places(below, f"{place}.0")
            case _:
                yield place, check


PLACES = dict(found for path, table in TABLES.items() for found in places(table, path))


def changed(path: str, value: object) -> Json:
    """The pod with another value at `path`."""
    made = copy.deepcopy(whole())
    *way, last = path.split(".")
    at: Any = made["spec"]
    for part in way:
        at = at[int(part)] if part.isdigit() else at[part]
    at[last] = value
    return made


def outcome(asking: Json) -> str:
    """All that is made of a pod: its job, or what it is told."""
    result = compile_pod(request(asking, **OBJECTS), SITE)
    if isinstance(result, Rejection):
        return json.dumps(result.reasons)
    return json.dumps([dict(result.submit), [(file.path, file.content.decode(), file.mode) for file in result.files]])


@functools.cache
def unchanged() -> str:
    return outcome(whole())


def test_the_pod_with_something_everywhere_is_taken() -> None:
    assert not isinstance(compile_pod(request(whole(), **OBJECTS), SITE), Rejection)


def test_each_field_that_is_read_is_tried_here() -> None:
    assert {path for path, check in PLACES.items() if check is read} == {*CHANGES, *ELSEWHERE}


@pytest.mark.parametrize("path", list(CHANGES))
def test_a_field_that_is_read_changes_the_job_or_is_told(path: str) -> None:
    assert outcome(changed(path, CHANGES[path])) != unchanged()


@pytest.mark.parametrize("path", [path for path, check in PLACES.items() if check is harmless])
def test_a_field_that_is_harmless_changes_nothing(path: str) -> None:
    values: tuple[Any, ...] = (None, "odd", 7, [{}], {"odd": 1})
    for value in values:
        assert outcome(changed(path, value)) == unchanged()


@pytest.mark.parametrize("path", [path for path, check in PLACES.items() if check not in (read, harmless)])
def test_a_field_that_can_t_be_had_is_told(path: str) -> None:
    written = re.sub(r"\.(\d)", r"[\1]", path)
    assert f"({written})" in outcome(changed(path, {"odd": 1}))


@pytest.mark.parametrize("place", sorted({path.rpartition(".")[0] for path in PLACES}))
def test_a_field_that_no_table_has_is_told(place: str) -> None:
    assert "odd" in outcome(changed(f"{place}.odd".lstrip("."), {"odd": 1}))


VALUES: list[Any] = [None, [], {}, "", "x", 0, -1, True, [None], [{}], {"a": None}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_any_value_of_any_field_is_taken_or_told_never_a_crash(value: Any) -> None:
    for path in PLACES:
        if path.rpartition(".")[2] not in ("containers", "initContainers"):
            assert outcome(changed(path, value))
    for name in ("containers", "initContainers", "volumes"):
        broken = request(pod())
        broken.pod = changed(name, value)
        assert compile_pod(broken, SITE)


@pytest.mark.parametrize("value", ["\0", "\ud800", 2**70, [[]]], ids=repr)
def test_no_odd_value_of_a_field_that_is_read_passes_for_nothing(value: Any) -> None:
    passed = []
    for path in sorted({*CHANGES} - {"volumes.0.emptyDir.sizeLimit"}):  # a large number is a large limit
        broken = request(pod(), **OBJECTS)
        broken.pod = changed(path, value)
        if not isinstance(compile_pod(broken, SITE), Rejection):
            passed.append(path)
    assert not passed
