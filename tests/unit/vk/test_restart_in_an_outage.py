"""A vk that starts while the site is away leaves the node as it was: the last known state, not the configured one."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from interlink.protocol.client import Ping
from interlink.protocol.errors import NotNow
from interlink.protocol.types import PingReply
from kubernetes_client.answer import ApiError
from virtual_kubelet.control import node_controller
from virtual_kubelet.control.node_controller import NodeController
from virtual_kubelet.core.connectivity import CONNECTED, Connectivity
from virtual_kubelet.core.last_known import last_known
from virtual_kubelet.core.node_object import MANAGED_ANNOTATION, NodeIdentity, NodeState, Taint, new_node
from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.io.node_registration import NodeRegistration

from tests.unit.vk.pods import Json

LONG_AGO = time.time() - 3600
IDENTITY = NodeIdentity("site", "10.0.0.1", 10250, "v1.34.0", taints=[Taint("own", "t")])
CONFIGURED = {"cpu": "1", "pods": "5"}
HEARD = NodeState(CONNECTED, {"cpu": "100", "pods": "10", "nvidia.com/gpu": "8"}, [Taint("full", "v")], "{}")
AWAY = replace(HEARD, connectivity=Connectivity(False, "Forbidden", "no", 2), ready=False)


def node_in(state: NodeState) -> Json:
    node = new_node(IDENTITY, state, rfc3339(LONG_AGO))
    node["metadata"] |= {"resourceVersion": "7", "uid": "u"}
    return node


class Around:
    """API server and site; `answers` are the site's, the last one for ever (None: it is away)."""

    heard = False

    def __init__(self, node: Json | None, *answers: PingReply | None) -> None:
        self.node, self._answers, self.reads_fail = node, list(answers), 0
        self.pings, self.reconnections = 0, 0
        self.patches: list[Json] = []
        self.registered: Json | None = None
        self.done = asyncio.Event()

    async def get(self, _path: str) -> Json:
        if self.reads_fail:
            self.reads_fail -= 1
            raise ApiError(0, "away")
        if self.node is None:
            raise ApiError(404, "not found")
        return self.node

    async def post(self, _path: str, body: Json) -> Json:
        self.registered = self.node = body | {"metadata": body["metadata"] | {"resourceVersion": "1", "uid": "u"}}
        return self.node

    async def patch(self, path: str, body: Json) -> Json:
        assert self.node is not None
        self.patches.append(body)
        if not path.endswith("/status"):
            self.node["metadata"] = self.node["metadata"] | {"annotations": body["metadata"].get("annotations", {})}
        return self.node

    async def ping(self) -> Ping:
        self.pings += 1
        if self.pings > 4:
            self.done.set()
            await asyncio.Event().wait()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise NotNow("away", http_status=503)
        self.heard = True
        return Ping(answer, "{}", frozenset())

    def reconnected(self) -> None:
        self.reconnections += 1


async def run(around: Around, monkeypatch: pytest.MonkeyPatch, not_ready_after: float = 60.0) -> NodeController:
    monkeypatch.setattr(node_controller, "RETRY_PING_SECONDS", 0.001)
    there: Any = around
    events: Any = type("Events", (), {"node": lambda *_: None})()
    node = NodeController(
        identity=IDENTITY,
        configured=CONFIGURED,
        remote=there,
        registration=NodeRegistration(there, IDENTITY),
        lease=there,
        events=events,
        token=str,
        ping_seconds=0.001,
        not_ready_after=not_ready_after,
        reconnected=around.reconnected,
    )
    task = asyncio.create_task(node.run_node())
    try:
        async with asyncio.timeout(5):
            await around.done.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return node


def written(around: Around) -> Json:
    """What changed but the times of heartbeats, by its name in the status, or "taints"."""
    found: Json = {}
    for patch in around.patches:
        for name, value in {**patch.get("status", {}), **patch.get("spec", {})}.items():
            if name == "conditions":
                found |= {c["type"]: c for c in value if c.get("lastTransitionTime") != rfc3339(LONG_AGO)}
            else:
                found[name] = value
    return found


@pytest.mark.parametrize("reads_fail", [0, 3])
async def test_an_outage_that_goes_on_changes_nothing(monkeypatch: pytest.MonkeyPatch, reads_fail: int) -> None:
    around = Around(node_in(replace(AWAY, connectivity=replace(AWAY.connectivity, reason="Unreachable"))), None)
    around.reads_fail = reads_fail
    node = await run(around, monkeypatch)
    assert written(around) == {}
    assert (node.state.capacity, node.state.ready) == (HEARD.capacity, False)
    assert around.reconnections == 0


async def test_an_outage_that_began_meanwhile_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Around(node_in(HEARD), None)
    await run(around, monkeypatch)
    changed = written(around)
    assert set(changed) == {"taints", "InterlinkConnectivity"}
    assert [taint["key"] for taint in changed["taints"]][-1] == "virtual-node.interlink/unreachable"
    assert "full" in [taint["key"] for taint in changed["taints"]]


@pytest.mark.parametrize("before", [HEARD, AWAY])
async def test_the_first_answer_says_all_anew(monkeypatch: pytest.MonkeyPatch, before: NodeState) -> None:
    around = Around(node_in(before), None, PingReply("ok"))
    node = await run(around, monkeypatch)
    assert (node.state.capacity, list(node.state.ping_taints), node.state.ready) == (CONFIGURED, [], True)
    assert around.reconnections == 1


@pytest.mark.parametrize("note", [None, "[]", '{"ping": 3}'])
def test_of_a_node_of_somebody_else_nothing_is_taken(note: str | None) -> None:
    node = node_in(AWAY)
    if note is None:
        del node["metadata"]["annotations"][MANAGED_ANNOTATION]
        assert last_known(node, CONFIGURED) == last_known(None, CONFIGURED)
    else:
        node["metadata"]["annotations"][MANAGED_ANNOTATION] = note
        assert last_known(node, CONFIGURED).state.ping_taints == []


def test_what_left_the_configuration_meanwhile_is_no_taint_of_the_ping() -> None:
    assert last_known(node_in(HEARD), CONFIGURED).state.ping_taints == [Taint("full", "v")]


async def test_a_node_that_is_not_there_is_registered_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Around(None, None)
    await run(around, monkeypatch)
    assert around.registered is not None
    assert around.registered["status"]["capacity"] == CONFIGURED
