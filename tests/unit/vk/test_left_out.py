"""What of a pod stays behind is told: its success would be taken for that of the whole."""

from typing import Any

import pytest
from interlink.protocol.types import CreateReply
from virtual_kubelet.control.handover import Handover
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.left_out import left_out
from virtual_kubelet.core.object_store import ObjectStore
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.volumes import VolumePolicy

from tests.unit.vk.pods import UID, Json, container, pod
from tests.unit.vk.test_create_request import API_TOKEN

NO_PROJECTED = VolumePolicy(projected=False)
KEPT = {"interlink.eu/disable-offload-containers": "b, c,other", "interlink.eu/disable-offload-init-containers": "i"}


def mounting(*volumes: Json) -> Json:
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    return pod([container("a", volumeMounts=mounts)], volumes=[*volumes, {"name": "unused", "projected": {}}])


MINE: Json = {"name": "mine", "projected": {"sources": [{"configMap": {"name": "c"}}]}}


@pytest.mark.parametrize(
    ("thing", "policy", "told"),
    [
        (pod([container("a")]), VolumePolicy(), []),
        (
            pod([container(name) for name in "abc"], [container("i"), container("j")], metadata={"annotations": KEPT}),
            VolumePolicy(),
            [
                "containers b, c run nowhere: annotation interlink.eu/disable-offload-containers keeps them from the site",
                "initContainers i run nowhere: annotation interlink.eu/disable-offload-init-containers keeps them from the site",
            ],
        ),
        (mounting(MINE, API_TOKEN), VolumePolicy(), []),
        (
            mounting(MINE, API_TOKEN, {"name": "e", "emptyDir": {}}),
            NO_PROJECTED,
            ["volumes mine are not mounted: this node sends no projected volumes (DisableProjectedVolumes)"],
        ),
    ],
)
def test_what_stays_behind_is_named(thing: Json, policy: VolumePolicy, told: list[str]) -> None:
    assert list(left_out(thing, policy)) == told


class Around:
    """What a hand-over reads from and calls; every create is taken."""

    idempotent = True

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    async def create(self, _request: Any) -> CreateReply:
        return CreateReply(PodUID=UID, PodJID="1")

    async def fetch(self, *_wanted: Any) -> ObjectStore:
        return ObjectStore("ns", {})

    def pod(self, _known: Any, kind: str, reason: str, message: str) -> None:
        self.events.append((kind, reason, message))


async def test_the_pod_s_events_say_so_when_the_site_has_taken_it() -> None:
    registry = Registry()
    registry.seen(pod([container("a"), container("b")], metadata={"annotations": KEPT, "uid": UID}))
    known = registry.get(UID)
    assert known is not None
    around: Any = Around()
    handover = Handover(
        remote=around,
        reader=around,
        writer=around,
        events=around,
        translation=Translation(),
        node=lambda: NodeFacts("node", "10.0.0.9"),
    )
    await handover.create(known)
    assert [(kind, reason) for kind, reason, _ in around.events] == [("Normal", "Submitted"), ("Warning", "LeftOut")]
    assert around.events[1][2].startswith("containers b run nowhere")
