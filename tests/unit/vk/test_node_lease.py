"""The sign of life outlives what goes wrong with one renewal: several fit in before the lease runs out."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes_client.answer import ApiError
from service_runtime.backoff import Backoff
from virtual_kubelet.control import node_controller
from virtual_kubelet.control.node_controller import NodeController
from virtual_kubelet.core.node_object import NodeIdentity
from virtual_kubelet.io import node_lease
from virtual_kubelet.io.node_lease import DEADLINE_SECONDS, DURATION_SECONDS, RENEW_SECONDS, RETRY, NodeLease

from tests.unit.vk.pods import Json

LOST = ApiError(0, "no answer")


class Api:
    """An API server that answers renewals in turn: with an error, or not at all (None)."""

    def __init__(self, *answers: ApiError | None) -> None:
        self._answers: Iterator[ApiError | None] = iter(answers)
        self.renewed = asyncio.Event()

    async def patch(self, *_what: Any) -> Json:
        for answer in self._answers:
            if answer is not None:
                raise answer
            await asyncio.Event().wait()
        self.renewed.set()
        return {}


class Registered:
    """A node that is as it should be, and a site that answers."""

    uid = "uid"

    async def apply(self, *_what: Any, **_how: Any) -> None:
        pass


def lease_at(api: Api) -> NodeLease:
    server: Any = api
    return NodeLease(server, "node")


async def test_a_renewal_that_gets_no_answer_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_lease, "DEADLINE_SECONDS", 0.01)
    lease = lease_at(Api(None))
    with pytest.raises(ApiError) as caught:
        async with asyncio.timeout(5):
            await lease.renew("uid")
    assert caught.value.away
    assert await lease.renew("uid")


def test_a_renewal_that_hangs_leaves_time_for_another() -> None:
    assert RENEW_SECONDS + 2 * (DEADLINE_SECONDS + RETRY.maximum) < DURATION_SECONDS


@pytest.mark.parametrize("failures", [1, 3])
async def test_a_renewal_that_failed_is_tried_again_before_the_next_is_due(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_controller, "RETRY", Backoff(0.001, 0.002))
    monkeypatch.setattr(node_controller, "RENEW_SECONDS", 3600.0)
    api = Api(*[LOST] * failures)
    there: Any = Registered()
    node = NodeController(
        identity=NodeIdentity("node", "10.0.0.1", 10250, "v1.34.0"),
        configured={},
        remote=there,
        registration=there,
        lease=lease_at(api),
        events=there,
        token=str,
        ping_seconds=30.0,
        not_ready_after=0.0,
        reconnected=lambda: None,
    )
    await node._apply_logged()
    task = asyncio.create_task(node.run_lease())
    try:
        async with asyncio.timeout(5):
            await api.renewed.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
