"""A 404 means that the site doesn't know a pod only where plugins say it so, and only once the site itself was heard."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from interlink.protocol.client import InterlinkClient
from interlink.protocol.errors import NotNow
from virtual_kubelet.control.poller import Poller
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.polling import Cadence
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model.known_pod import KnownPod

from tests.fakes.interlink_server import ALL_FEATURES, FakeInterlink, Fault
from tests.fakes.served import served
from tests.unit.vk.pods import pod

CASES = [("", True, True), ("", False, False), (ALL_FEATURES, True, False), (ALL_FEATURES, False, False)]


class Asked:
    """Takes what a poll says of pods."""

    live = False

    def __init__(self) -> None:
        self.missing: list[str] = []

    def absent(self, known: KnownPod) -> bool:
        self.missing.append(known.uid)
        return False


@pytest.fixture
async def site() -> FakeInterlink:
    found = FakeInterlink()
    found.faults = {"/delete": Fault(404, "no such route"), "/status": Fault(404, "no such route")}
    return found


@pytest.fixture
async def remote(site: FakeInterlink) -> AsyncIterator[Remote]:
    async with served(site.app()) as url, InterlinkClient(url) as client:
        yield Remote(client, "node", 5)


@pytest.mark.parametrize(("features", "heard", "gone"), CASES)
async def test_a_delete_is_done(site: FakeInterlink, remote: Remote, features: str, heard: bool, gone: bool) -> None:
    site.features = features
    if heard:
        await remote.ping()
    if gone:
        await remote.delete(pod())
        return
    with pytest.raises(NotNow):
        await remote.delete(pod())


@pytest.mark.parametrize(("features", "heard", "gone"), CASES)
async def test_a_pod_counts_as_absent(
    site: FakeInterlink, remote: Remote, features: str, heard: bool, gone: bool
) -> None:
    site.features = features
    if heard:
        await remote.ping()
    registry, asked = Registry(), Asked()
    registry.seen(pod())
    hearing: Any = asked
    await Poller(registry, remote, hearing, Cadence(1, 10), asyncio.Event(), watcher=hearing).poll()
    assert bool(asked.missing) is gone
