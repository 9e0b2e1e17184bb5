"""Registry credentials that a pod names are read and sent along; what else is secret in such a Secret stays."""

from typing import Any

import msgspec
import pytest
from kubernetes_client.answer import ApiError
from virtual_kubelet.core.create_request import Translation, create_request
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import ObjectName, ObjectStore
from virtual_kubelet.io.objects import ObjectReader

from tests.unit.vk.pods import Json, pod

JSON: Json = {
    "metadata": {"name": "a", "namespace": "ns"},
    "type": "kubernetes.io/dockerconfigjson",
    "data": {".dockerconfigjson": "e30=", "other": "c2VjcmV0"},
}
OLD: Json = {"metadata": {"name": "b"}, "type": "kubernetes.io/dockercfg", "data": {".dockercfg": "e30="}}
OPAQUE: Json = {"metadata": {"name": "c"}, "type": "Opaque", "data": {".dockerconfigjson": "e30="}}


def test_both_forms_are_sent_with_nothing_else_in_them() -> None:
    store = ObjectStore("ns", {}, pull_secrets=[JSON, OLD, OPAQUE])
    made = create_request(pod(), store, NodeFacts("node", ""), Translation())
    assert msgspec.json.decode(msgspec.json.encode(made))["pullSecrets"] == [
        {
            "metadata": {"name": "a"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": "e30="},
        },
        OLD,
    ]


class Api:
    """An API server with these objects, by path; None: may not be read."""

    def __init__(self, objects: dict[str, Json | None]) -> None:
        self.objects = objects
        self.asked: list[str] = []

    async def get(self, path: str) -> Json:
        self.asked.append(path)
        found = self.objects.get(path, {})
        if found:
            return msgspec.json.decode(msgspec.json.encode(found), type=dict[str, Any])
        raise ApiError(403 if found is None else 404, "no")


def reader(
    objects: dict[str, Json | None], namespaces: tuple[str, ...] = (), service_links: bool = False
) -> ObjectReader:
    return ObjectReader(Api(objects), namespaces, service_links)  # type: ignore[arg-type]


SECRETS = "/api/v1/namespaces/ns/secrets"


@pytest.mark.parametrize(
    ("objects", "namespaces", "found"),
    [
        ({f"{SECRETS}/a": JSON}, (), ["a"]),
        ({f"{SECRETS}/a": None, f"{SECRETS}/b": OLD}, (), ["b"]),
        ({f"{SECRETS}/a": JSON}, ("elsewhere",), []),
    ],
)
async def test_what_can_t_be_read_delays_no_pod(
    objects: dict[str, Json | None], namespaces: tuple[str, ...], found: list[str]
) -> None:
    asking = pod(imagePullSecrets=[{"name": "a"}, {"name": "b"}, {}])
    store = await reader(objects, namespaces).fetch(asking, [], [])
    assert [secret["metadata"]["name"] for secret in store.pull_secrets] == found


@pytest.mark.parametrize("readable", [True, False])
async def test_the_volume_behind_a_claim_is_read_where_that_is_allowed(readable: bool) -> None:
    claim = {"metadata": {"name": "c"}, "spec": {"volumeName": "pv"}}
    objects: dict[str, Json | None] = {
        "/api/v1/namespaces/ns/persistentvolumeclaims/c": claim,
        "/api/v1/persistentvolumes/pv": {"spec": {"x": 1}} if readable else None,
    }
    store = await reader(objects).fetch(pod(), [ObjectName("persistentvolumeclaim", "c")], [])
    assert store.bound == ({"pv": {"spec": {"x": 1}}} if readable else {})
    assert store.objects == {ObjectName("persistentvolumeclaim", "c"): claim}


async def test_services_are_read_only_for_a_node_that_tells_of_them() -> None:
    master = {"metadata": {"namespace": "default", "name": "kubernetes"}}
    objects: dict[str, Json | None] = {
        "/api/v1/namespaces/ns/services": {"items": [{"metadata": {"namespace": "ns", "name": "db"}}]},
        "/api/v1/namespaces/default/services/kubernetes": master,
    }
    assert (await reader(objects).fetch(pod(), [], [])).services == ()
    told = (await reader(objects, service_links=True).fetch(pod(), [], [])).services
    assert [service["metadata"]["name"] for service in told] == ["kubernetes", "db"]
