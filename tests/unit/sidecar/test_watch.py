"""Whoever watches is told each pod's newest state at once, and goes on after a cut where he was."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from condor_sidecar.app.changes import Changes
from hypothesis import given
from hypothesis import strategies as st
from interlink.protocol.client import InterlinkClient
from interlink.protocol.watch import Change

from tests.fakes.condor_schedd import out_tar
from tests.unit.sidecar.conftest import Sidecar, created

NODE = "vk-test"


@contextlib.asynccontextmanager
async def watching(sidecar: Sidecar, since: str = "") -> AsyncIterator[AsyncIterator[Change]]:
    async with (
        asyncio.timeout(15),
        InterlinkClient(f"unix://{sidecar.socket}") as client,
        client.watch(NODE, since) as changes,
    ):
        yield changes


async def told(changes: AsyncIterator[Change]) -> tuple[dict[str, str], str]:
    """What comes until the next revision: UID to the state of the pod's container, and the revision."""
    states: dict[str, str] = {}
    async for change in changes:
        if change.revision:
            return states, change.revision
        assert change.status is not None
        (container,) = change.status.containers or []
        (states[change.status.UID],) = container["state"]
    raise AssertionError("the watch ended")


async def state_of(changes: AsyncIterator[Change], uid: str, wanted: str) -> str:
    """Wait until the pod is told of in this state; the revision then."""
    while True:
        states, revision = await told(changes)
        if states.get(uid) == wanted:
            return revision


async def test_all_pods_come_first_then_each_change(sidecar: Sidecar) -> None:
    pods = [await created(sidecar) for _ in range(3)]
    for uid in pods:
        await sidecar.submitted(uid)
    async with watching(sidecar) as changes:
        states, _ = await told(changes)
        assert states == dict.fromkeys(pods, "waiting")
        sidecar.schedd.complete(pods[1], 0, {"out.tar": out_tar({"c": 0})})
        await state_of(changes, pods[1], "terminated")
        assert (await sidecar.status(pods[1]) or {})["containers"][0]["state"]["terminated"]["exitCode"] == 0


async def test_a_watch_goes_on_from_a_revision(sidecar: Sidecar) -> None:
    quiet = await created(sidecar)
    await sidecar.submitted(quiet)
    await sidecar.wait_for(quiet, "waiting", reason="Pending")
    async with watching(sidecar) as changes:
        _, revision = await told(changes)
    new = await created(sidecar)
    async with watching(sidecar, revision) as changes:
        states, _ = await told(changes)
        assert new in states
        assert quiet not in states


async def test_a_revision_of_before_a_restart_brings_all_pods(sidecar: Sidecar) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    async with watching(sidecar) as changes:
        _, revision = await told(changes)
    await sidecar.stop()
    await sidecar.start()
    async with watching(sidecar, revision) as changes:
        await state_of(changes, uid, "waiting")


@given(st.lists(st.sampled_from("abcdef"), max_size=30), st.integers(0, 30))
def test_changes_since_a_revision_are_the_latest_of_each_pod_in_order(uids: list[str], cut: int) -> None:
    changes = Changes()
    revision = changes.revision
    for number, uid in enumerate(uids, 1):
        changes.note(uid)
        if number == cut:
            revision = changes.revision
    after = uids[cut:] if cut <= len(uids) else uids
    latest = [uid for place, uid in enumerate(after) if uid not in after[place + 1 :]]
    assert changes.since(revision) == latest
    assert changes.since("another.7") == [u for place, u in enumerate(uids) if u not in uids[place + 1 :]]
