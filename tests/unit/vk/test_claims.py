"""Claims are resolved in the cluster: the site learns which class, driver and volume stand behind a name."""

from typing import Any

import msgspec
import pytest
from virtual_kubelet.core.create_request import Translation, create_request, needed_objects
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError, ObjectName, ObjectStore
from virtual_kubelet.core.volumes import VolumePolicy

from tests.unit.vk.pods import UID, Json, pod

CLAIMED: Json = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}
EPHEMERAL: Json = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}
PV: Json = {
    "spec": {
        "csi": {"driver": "cvmfs.csi.cern.ch", "volumeHandle": "all", "volumeAttributes": {"repository": "a.cern.ch"}}
    }
}


def claim(**more: Any) -> Json:
    """A bound claim."""
    spec = {
        "storageClassName": "fast",
        "volumeName": "pv-1",
        "accessModes": ["ReadOnlyMany"],
        "volumeMode": "Filesystem",
    }
    return {"metadata": {"name": "c"}, "spec": spec, "status": {"phase": "Bound"}} | more


def sent(volume: Json, name: str, found: Json | None, bound: dict[str, Json] | None = None) -> Json:
    objects = {ObjectName("persistentvolumeclaim", name): found}
    store = ObjectStore("ns", objects, bound={"pv-1": PV} if bound is None else bound)
    made = create_request(pod(volumes=[volume]), store, NodeFacts("node", "10.0.0.9"), Translation())
    message: Json = msgspec.json.decode(msgspec.json.encode(made))
    return message


def test_a_claim_is_told_with_all_that_a_site_can_know_it_by() -> None:
    assert sent(CLAIMED, "c", claim())["claims"] == [
        {
            "volume": "data", "claim": "c", "storageClass": "fast", "accessModes": ["ReadOnlyMany"],
            "volumeMode": "Filesystem", "boundTo": "pv-1", "driver": "cvmfs.csi.cern.ch", "handle": "all",
            "attributes": {"repository": "a.cern.ch"},
        }
    ]  # fmt: skip


def test_a_volume_that_may_not_be_read_leaves_the_claim_its_class() -> None:
    (told,) = sent(CLAIMED, "c", claim(), bound={})["claims"]
    assert (told["storageClass"], told["driver"], told["handle"]) == ("fast", "", "")


def test_an_ephemeral_volume_s_claim_has_the_pod_s_name_and_belongs_to_it() -> None:
    mine = {"name": "p-scratch", "ownerReferences": [{"uid": UID, "controller": True}]}
    assert sent(EPHEMERAL, "p-scratch", claim(metadata=mine))["claims"][0]["claim"] == "p-scratch"
    assert needed_objects(pod(volumes=[EPHEMERAL, CLAIMED]), VolumePolicy()) == {
        ObjectName("persistentvolumeclaim", "p-scratch"), ObjectName("persistentvolumeclaim", "c"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("volume", "name", "found", "words"),
    [
        (CLAIMED, "c", None, 'failed to fetch PVC from API server: persistentvolumeclaims "c" not found'),
        (CLAIMED, "c", claim(status={"phase": "Pending"}), "PVC is not bound"),
        (CLAIMED, "c", claim(metadata={"name": "c", "deletionTimestamp": "now"}), "PVC is being deleted"),
        (EPHEMERAL, "p-scratch", claim(), "PVC p-scratch was not created for pod p (pod is not owner)"),
    ],
)
def test_a_pod_waits_for_its_claims_as_under_a_kubelet(volume: Json, name: str, found: Json | None, words: str) -> None:
    with pytest.raises(MissingObjectError) as caught:
        sent(volume, name, found)
    assert (caught.value.reason, caught.value.event) == ("ContainerCreating", "FailedMount")
    assert str(caught.value).endswith(f"error processing PVC ns/{name}: {words}")


def test_a_pod_without_claims_says_nothing_of_them() -> None:
    made = create_request(pod(), ObjectStore("ns", {}), NodeFacts("node", ""), Translation())
    assert "claims" not in msgspec.json.decode(msgspec.json.encode(made))
