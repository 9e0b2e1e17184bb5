"""The message that hands a pod over: its shape is interLink's, its content is what a kubelet would mount."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from virtual_kubelet.core.create_request import Translation, api_variables, as_sent, create_request, needed_objects
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.core.volumes import VolumePolicy, token_requests

from tests.unit.vk.pods import Json, container, pod

NODE = NodeFacts("node", "10.0.0.9")
API_TOKEN: Json = {
    "name": "kube-api-access-abcde",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ]
    },
}


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def request(thing: Json, objects: dict[ObjectName, Json | None] | None = None, **more: Any) -> Json:
    tokens = more.pop("tokens", {})
    made = create_request(thing, ObjectStore("ns", objects or {}, tokens), NODE, Translation(**more))
    sent: Json = msgspec.json.decode(msgspec.json.encode(made))
    return sent


def test_the_five_keys_are_always_there() -> None:
    sent = request(pod())
    assert list(sent) == ["pod", "configmaps", "secrets", "projectedvolumesmaps", "jobscriptURL"]
    assert sent["configmaps"] is sent["secrets"] is sent["projectedvolumesmaps"] is None
    assert sent["jobscriptURL"] == ""


def test_the_pod_is_sent_as_a_typed_client_would() -> None:
    sent = request(pod(metadata={"managedFields": [{"manager": "kubectl"}], "annotations": {"k": "v"}}))["pod"]
    assert list(sent) == ["metadata", "spec", "status"]
    assert "managedFields" not in sent["metadata"]
    assert sent["metadata"]["annotations"] == {"k": "v"}
    assert sent["spec"]["containers"][0]["resources"] == {}


def test_unknown_fields_are_kept() -> None:
    one = container("a", fieldOfTomorrow={"x": [1]})
    assert request(pod([one], alsoNew=1))["pod"]["spec"]["containers"][0]["fieldOfTomorrow"] == {"x": [1]}


def test_containers_that_stay_here_are_not_sent() -> None:
    names = {"interlink.eu/disable-offload-containers": "b", "interlink.eu/disable-offload-init-containers": "i"}
    thing = pod([container("a"), container("b")], [container("i"), container("j")], metadata={"annotations": names})
    spec = request(thing)["pod"]["spec"]
    assert [c["name"] for c in spec["containers"]] == ["a"]
    assert [c["name"] for c in spec["initContainers"]] == ["j"]


def test_whole_objects_once_each() -> None:
    volumes = [
        {"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "x"}]}},
        {"name": "w", "configMap": {"name": "c"}},
        {"name": "s", "secret": {"secretName": "s"}},
        {"name": "o", "secret": {"secretName": "gone", "optional": True}},
    ]
    configmap = {"metadata": {"name": "c"}, "data": {"k": "v"}, "binaryData": {"b": "AA=="}}
    secret = {"metadata": {"name": "s"}, "data": {"k": "AA=="}, "type": "Opaque"}
    objects: dict[ObjectName, Json | None] = {
        ObjectName("configmap", "c"): configmap,
        ObjectName("secret", "s"): secret,
    }
    sent = request(pod(volumes=volumes), objects)
    assert sent["configmaps"] == [configmap]
    assert sent["secrets"] == [secret]


def test_projected_sources_in_order_with_bytes_that_are_no_text() -> None:
    sources = [
        {"configMap": {"name": "c"}},
        {"secret": {"name": "s", "items": [{"key": "bin", "path": "d/bin"}, {"key": "k", "path": "k"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "cpu", "resourceFieldRef": {"resource": "limits.cpu", "containerName": "a"}}]
            }
        },
        {"serviceAccountToken": {"path": "t"}},
    ]
    objects: dict[ObjectName, Json | None] = {
        ObjectName("configmap", "c"): {"data": {"k": "first", "e": "\u20ac"}},
        ObjectName("secret", "s"): {"data": {"bin": encoded(b"\xff\x00"), "k": encoded(b"second")}},
    }
    one = container("a", resources={"limits": {"cpu": "3"}})
    thing = pod([one], volumes=[{"name": "p", "projected": {"sources": sources}}])
    (found,) = request(thing, objects, tokens={("p", "t"): "a token"})["projectedvolumesmaps"]
    assert found["metadata"] == {"name": "p", "creationTimestamp": None}
    assert found["data"] == {"k": "second", "e": "\u20ac", "cpu": "3", "t": "a token"}
    assert base64.b64decode(found["binaryData"]["d/bin"]) == b"\xff\x00"


def test_a_downward_volume_is_sent_as_a_projected_one() -> None:
    items = [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]
    sent = request(pod(volumes=[{"name": "d", "downwardAPI": {"items": items, "defaultMode": 256}}]))
    projected = {"sources": [{"downwardAPI": {"items": items}}], "defaultMode": 256}
    assert sent["pod"]["spec"]["volumes"] == [{"name": "d", "projected": projected}]
    assert sent["projectedvolumesmaps"][0]["data"] == {"name": "p"}


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "n"}}, 'configmap "n" not found'),
        ({"secret": {"secretName": "n"}}, 'secret "n" not found'),
        ({"configMap": {"name": "c", "items": [{"key": "no", "path": "x"}]}}, "references non-existent key: no"),
        ({"projected": {"sources": [{"secret": {"name": "n"}}]}}, 'secret "n" not found'),
        ({"projected": {"sources": [{"clusterTrustBundle": {"path": "x"}}]}}, "clusterTrustBundle"),
        ({"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "no.such"}}]}}, "no.such"),
    ],
)
def test_what_a_mount_waits_for(volume: Json, message: str) -> None:
    with pytest.raises(MissingObjectError, match=message) as caught:
        request(pod(volumes=[{"name": "v"} | volume]), {ObjectName("configmap", "c"): {"data": {}}})
    assert (caught.value.reason, caught.value.event) == ("ContainerCreating", "FailedMount")
    assert str(caught.value).startswith('MountVolume.SetUp failed for volume "v" : ')


def test_the_api_token_is_left_out_with_its_mounts_and_needs_nothing() -> None:
    mounts = [{"name": API_TOKEN["name"], "mountPath": "/var/run/secrets"}, {"name": "e", "mountPath": "/e"}]
    thing = pod([container("a", volumeMounts=mounts)], volumes=[API_TOKEN, {"name": "e", "emptyDir": {}}])
    sent = request(thing)
    assert [v["name"] for v in sent["pod"]["spec"]["volumes"]] == ["e"]
    assert [m["name"] for m in sent["pod"]["spec"]["containers"][0]["volumeMounts"]] == ["e"]
    assert sent["projectedvolumesmaps"] is None
    assert not needed_objects(thing, VolumePolicy()) and not list(token_requests(thing, VolumePolicy()))


def test_a_volume_that_only_looks_like_the_api_token_is_sent() -> None:
    token, *others = API_TOKEN["projected"]["sources"]
    for_vault = {"serviceAccountToken": {"path": "token", "audience": "vault"}}
    sources: list[Json] = [
        {"emptyDir": {}},
        {"projected": {"sources": [for_vault, *others]}},
        {"projected": {"sources": [token]}},
    ]
    for source in sources:
        thing = pod(volumes=[{"name": "kube-api-access-mine", **source}])
        objects: dict[ObjectName, Json | None] = {
            ObjectName("configmap", "kube-root-ca.crt"): {"data": {"ca.crt": "CA"}}
        }
        sent = request(thing, objects, tokens={("kube-api-access-mine", "token"): "t"})
        assert sent["pod"]["spec"]["volumes"] == thing["spec"]["volumes"]


def test_an_allowed_api_token_has_the_configured_authority() -> None:
    policy = VolumePolicy(api_token=True, root_ca="other CA")
    objects: dict[ObjectName, Json | None] = {
        ObjectName("configmap", "kube-root-ca.crt"): {"data": {"ca.crt": "cluster CA"}}
    }
    tokens = {(API_TOKEN["name"], "token"): "t"}
    (found,) = request(pod(volumes=[API_TOKEN]), objects, volumes=policy, tokens=tokens)["projectedvolumesmaps"]
    assert found["data"] == {"token": "t", "ca.crt": "other CA", "namespace": "ns"}


def test_projected_volumes_can_be_switched_off() -> None:
    sent = request(pod(volumes=[{"name": "p", "projected": {"sources": []}}]), volumes=VolumePolicy(projected=False))
    assert sent["pod"]["spec"]["volumes"] == [] and sent["projectedvolumesmaps"] is None


def test_the_api_s_address_is_told_where_configured_but_never_over_the_pod_s_own() -> None:
    one = container("a", env=[{"name": "KUBERNETES_SERVICE_HOST", "value": "mine"}])
    env = request(pod([one]), api_address=("api.example.org", "443"))["pod"]["spec"]["containers"][0]["env"]
    values = {v["name"]: v["value"] for v in env}
    assert len(env) == 8 and values["KUBERNETES_SERVICE_HOST"] == "mine"
    assert values["KUBERNETES_PORT_443_TCP"] == "tcp://api.example.org:443"
    assert len(api_variables("h", "1")) == 8


def test_env_from_is_resolved_and_gone() -> None:
    one = container("a", envFrom=[{"configMapRef": {"name": "c"}}])
    sent = request(pod([one]), {ObjectName("configmap", "c"): {"data": {"k": "v"}}})
    (made,) = sent["pod"]["spec"]["containers"]
    assert made["env"] == [{"name": "k", "value": "v"}] and "envFrom" not in made


def test_status_and_delete_carry_the_pod_unresolved() -> None:
    thing = pod([container("a", env=[{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}])])
    assert as_sent(thing) == {key: thing[key] for key in ("metadata", "spec", "status")}


def test_everything_that_is_named_is_needed() -> None:
    env = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "k"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "k", "optional": True}}},
    ]
    sources = [{"configMapRef": {"name": "c2"}}, {"secretRef": {"name": "s2"}}]
    volumes = [
        {"name": "v", "configMap": {"name": "c3"}},
        {"name": "w", "secret": {"secretName": "s3"}},
        {"name": "x", "projected": {"sources": [{"configMap": {"name": "c4"}}, {"secret": {"name": "s4"}}]}},
    ]
    thing = pod([container("a", env=env)], [container("i", envFrom=sources)], volumes=volumes)
    names = {f"{n.kind[0]}{n.name[-1]}" for n in needed_objects(thing, VolumePolicy())}
    assert names == {f"{kind}{number}" for kind in "cs" for number in "1234"}


def test_the_golden_message() -> None:
    """The whole message for a pod with a bit of everything; a change here is a change of the wire."""
    golden = json.loads((Path(__file__).parent / "golden_create.json").read_text())
    thing = golden["pod as the API server shows it"]
    objects: dict[ObjectName, Json | None] = {
        ObjectName("configmap", "settings"): golden["objects"]["settings"],
        ObjectName("secret", "login"): golden["objects"]["login"],
    }
    assert request(thing, objects) == golden["message"]
