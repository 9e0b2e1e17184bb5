"""Environment as a kubelet resolves it."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_kubelet.core.environment import resolve
from virtual_kubelet.core.expansion import expand
from virtual_kubelet.core.field_reference import FieldReferenceError, NodeFacts, field_value, resource_value
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore

from tests.unit.vk.pods import UID, Json, container, pod

NODE = NodeFacts("node", "10.0.0.9", {"cpu": "96", "memory": "384Gi", "ephemeral-storage": "500Gi"})


def store(**objects: dict[str, str]) -> ObjectStore:
    """`cm_NAME` and `secret_NAME`, with their data."""
    found: dict[ObjectName, Json | None] = {}
    for key, data in objects.items():
        kind, _, name = key.partition("_")
        if kind == "cm":
            found[ObjectName("configmap", name)] = {"metadata": {"name": name}, "data": data}
        else:
            encoded = {k: base64.b64encode(v.encode("latin-1")).decode() for k, v in data.items()}
            found[ObjectName("secret", name)] = {"metadata": {"name": name}, "data": encoded}
    return ObjectStore("ns", found)


def resolved(env: list[Json], objects: ObjectStore | None = None, **more: Any) -> list[Json]:
    one = container("a", env=env, **more)
    return resolve(
        pod([one], metadata={"labels": {"app": "x"}, "annotations": {"k/e.y": 'q"'}}), one, objects or store(), NODE
    )


def values(env: list[Json], objects: ObjectStore | None = None, **more: Any) -> dict[str, str]:
    return {v["name"]: v["value"] for v in resolved(env, objects, **more)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(B)", "$(B)"),
        ("$(A", "$(A"),
        ("$", "$"),
        ("$A", "$A"),
        ("$$", "$"),
        ("$()", "$()"),
        ("$($(A))", "$($(A))"),
        ("a$(A)b$(A)", "a1b1"),
        ("$(A)$$", "1$"),
        ("$(A\nB)", "$(A\nB)"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}.get) == expected


@given(st.text())
def test_text_without_a_dollar_is_left_alone(text: str) -> None:
    assert expand(text.replace("$", ""), {"A": "1"}.get) == text.replace("$", "")


@given(st.text(alphabet="$()AB x"))
def test_doubling_dollars_protects_any_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "1", "B": "2"}.get) == text


def test_order_and_precedence() -> None:
    env: list[Json] = [
        {"name": "Z", "value": "1"},
        {"name": "k", "value": "own"},
        {"name": "A", "value": "$(Z)$(k)$(LATER)"},
    ]
    got = resolved(env, store(cm_c={"k": "from", "b": "2"}), envFrom=[{"configMapRef": {"name": "c"}}])
    assert [(v["name"], v["value"]) for v in got] == [("b", "2"), ("k", "own"), ("Z", "1"), ("A", "1own$(LATER)")]


def test_sources() -> None:
    objects = store(cm_c={"x": "cx"}, secret_s={"y": "sy"})
    env: list[Json] = [
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "x"}}},
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "y"}}},
        {"name": "N", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "no", "optional": True}}},
        {"name": "E", "value": ""},
    ]
    sources = [{"secretRef": {"name": "s"}, "prefix": "P_"}, {"configMapRef": {"name": "gone", "optional": True}}]
    assert values(env, objects, envFrom=sources) == {"P_y": "sy", "C": "cx", "S": "sy", "E": ""}


@pytest.mark.parametrize(
    ("env", "more", "message"),
    [
        ([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "n", "key": "k"}}}], {}, 'configmap "n" not found'),
        ([], {"envFrom": [{"secretRef": {"name": "n"}}]}, 'secret "n" not found'),
        (
            [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}],
            {},
            "couldn't find key k in ConfigMap ns/c",
        ),
        (
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.what"}}}],
            {},
            'unsupported fieldPath "spec.what"',
        ),
        ([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}], {}, "no UTF-8 text"),
    ],
)
def test_what_a_pod_waits_for(env: list[Json], more: Json, message: str) -> None:
    objects = store(cm_c={}, secret_b={"k": "\xff\xfe"})
    with pytest.raises(MissingObjectError, match=message.replace("(", r"\(")) as caught:
        resolved(env, objects, **more)
    assert caught.value.reason == "CreateContainerConfigError"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "ns"),
        ("metadata.uid", UID),
        ("metadata.labels['a.b/c']", "1"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['x']", 'say "hi"\n'),
        ("metadata.labels", 'a.b/c="1"\nz="ä"'),
        ("metadata.annotations", 'x="say \\"hi\\"\\n"'),
        ("spec.nodeName", "node"),
        ("spec.serviceAccountName", "me"),
        ("status.hostIP", "10.0.0.9"),
        ("status.hostIPs", "10.0.0.9"),
    ],
)
def test_fields(path: str, expected: str) -> None:
    meta = {"labels": {"z": "ä", "a.b/c": "1"}, "annotations": {"x": 'say "hi"\n'}}
    assert field_value(pod(metadata=meta, serviceAccountName="me"), path, NODE) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"resource": "limits.cpu"}, "96"),  # the node's, where the container has none
        ({"resource": "limits.ephemeral-storage", "divisor": "1Gi"}, "500"),  # so where its limit is 0
        ({"resource": "requests.cpu"}, "2"),  # 1500m, rounded up
        ({"resource": "requests.cpu", "divisor": "1m"}, "1500"),
        ({"resource": "limits.memory", "divisor": "1Mi"}, "1025"),
        ({"resource": "limits.memory", "divisor": "0"}, str(1024 * 2**20 + 1)),
        ({"resource": "requests.memory"}, "0"),
        ({"resource": "requests.cpu", "containerName": "b"}, "7"),
    ],
)
def test_resources(selector: Json, expected: str) -> None:
    resources = {"requests": {"cpu": "1500m"}, "limits": {"memory": str(1024 * 2**20 + 1), "ephemeral-storage": "0"}}
    one, other = container("a", resources=resources), container("b", resources={"requests": {"cpu": "7"}})
    assert resource_value(pod([one, other]), one, selector, NODE) == expected


@pytest.mark.parametrize("selector", [{"resource": "cpu"}, {"resource": "requests.cpu", "containerName": "x"}, {}])
def test_resources_that_are_none(selector: Json) -> None:
    with pytest.raises(FieldReferenceError):
        resource_value(pod(), container("a"), selector, NODE)


# the pod's own address is filled in inside the job

IP = {"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}


def in_the_job(env: list[Json], address: str) -> dict[str, str]:
    """What the other side makes of the entries: only those with `valueFrom` are touched, once."""
    own = {v["name"]: address for v in env if "valueFrom" in v and "value" not in v}
    return {
        v["name"]: (expand(v["value"], own.get) if "value" in v else address) if "valueFrom" in v else v["value"]
        for v in env
    }


def test_the_own_address_stays_a_reference() -> None:
    assert resolved([IP]) == [IP]


@given(st.text(alphabet="$()AIPX ", max_size=12), st.text(alphabet="$()AIP ", max_size=8))
def test_values_with_the_own_address_come_out_as_if_it_had_been_known(text: str, other: str) -> None:
    env: list[Json] = [
        {"name": "A", "value": other},
        IP,
        {"name": "X", "value": text},
        {"name": "Y", "value": "$(X)-$(IP)$$"},
    ]
    known = [{"name": "IP", "value": "10.1.2.3"} if v is IP else v for v in env]
    assert in_the_job(resolved(env), "10.1.2.3") == values(known)
