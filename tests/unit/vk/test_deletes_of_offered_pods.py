"""A job never outlives its pod because of what a create was answered: once it was sent, a delete is sent too."""

from typing import Any

import pytest
from interlink.protocol.errors import InterlinkError, LostTrack, NoConnection, NotNow, Rejected
from virtual_kubelet.control.handover import Handover
from virtual_kubelet.control.work_queue import PutOff
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.next_step import Step, next_step
from virtual_kubelet.core.object_store import ObjectStore
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model.known_pod import KnownPod, Stage

from tests.unit.vk.pods import UID, pod


class Around:
    """What a hand-over reads from, writes to and calls; a create fails as told."""

    idempotent = True

    def __init__(self) -> None:
        self.error: InterlinkError = NotNow("nothing")

    async def create(self, _request: Any) -> Any:
        raise self.error

    async def fetch(self, _pod: Any, _needed: Any, _tokens: Any) -> ObjectStore:
        return ObjectStore("ns", {})

    async def write(self, *_what: Any) -> None:
        pass

    def pod(self, *_what: Any) -> None:
        pass


async def offer(known: KnownPod, *answers: InterlinkError) -> None:
    around: Any = Around()
    handover = Handover(
        remote=around,
        reader=around,
        writer=around,
        events=around,
        translation=Translation(),
        node=lambda: NodeFacts("node", "10.0.0.9"),
    )
    for around.error in answers:
        try:
            await handover.create(known)
        except PutOff:
            continue


def seen(registry: Registry) -> KnownPod:
    registry.seen(pod())
    known = registry.get(UID)
    assert known is not None
    return known


def after_first_list() -> Registry:
    registry = Registry()
    registry.listed([])
    return registry


ANSWERS = [
    (NotNow("upstream reset", http_status=503),),
    (NotNow("no such route", http_status=404),),
    (NotNow("slow", http_status=408),),
    (NotNow("upstream reset"), NoConnection("refused")),
    (LostTrack("the connection broke"),),
    (NotNow("upstream reset"), Rejected(["too much"])),
]


@pytest.mark.parametrize("answers", ANSWERS)
async def test_after_a_create_was_sent_a_delete_is_sent(answers: tuple[InterlinkError, ...]) -> None:
    known = seen(after_first_list())
    await offer(known, *answers)
    known.deleting = True
    assert next_step(known) is Step.DELETE_JOB


async def test_without_any_connection_there_is_nothing_to_delete() -> None:
    known = seen(after_first_list())
    await offer(known, NoConnection("refused"), NoConnection("no route"))
    known.deleting = True
    assert next_step(known) is Step.REMOVE_OBJECT


async def test_an_answer_that_the_pod_is_unknown_spares_no_delete_after_a_lost_create() -> None:
    """The create may still be under way through something in between."""
    known = seen(after_first_list())
    await offer(known, LostTrack("the connection broke"))
    known.stage, known.deleting = Stage.FRESH, True
    assert next_step(known) is Step.DELETE_JOB


@pytest.mark.parametrize("stage", [Stage.UNSURE, Stage.FRESH])
async def test_a_restarted_vk_does_not_know_what_was_sent_and_deletes(stage: Stage) -> None:
    known = seen(Registry())
    await offer(known, NoConnection("refused"))
    known.stage, known.deleting = stage, True
    assert next_step(known) is Step.DELETE_JOB
