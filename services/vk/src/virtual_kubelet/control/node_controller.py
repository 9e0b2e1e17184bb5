"""Keeps the Node object, its lease, and what both say about the connection to the site."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from interlink.protocol.client import Ping
from interlink.protocol.errors import InterlinkError
from kubernetes_client.answer import ApiError
from service_runtime.logs import get_logger

from virtual_kubelet import metrics
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.core.capacity import capacity, ping_taints
from virtual_kubelet.core.connectivity import CONNECTED, Connectivity, after_failure, is_expired
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.last_known import last_known
from virtual_kubelet.core.node_object import NodeIdentity, NodeState
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.io.node_lease import RENEW_SECONDS, RETRY, NodeLease
from virtual_kubelet.io.node_registration import NodeRegistration

HEARTBEAT_SECONDS = 300.0
RETRY_PING_SECONDS = 2.0
PROBLEMS_TOLD = 20

log = get_logger(__name__)


class NodeController:
    """The node is Ready as long as we live; an outage of the site is a condition, a taint and an event."""

    def __init__(
        self,
        *,
        identity: NodeIdentity,
        configured: dict[str, str],
        remote: Remote,
        registration: NodeRegistration,
        lease: NodeLease,
        events: EventRecorder,
        token: Callable[[], str],
        ping_seconds: float,
        not_ready_after: float,
        reconnected: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._configured = configured
        self._remote = remote
        self._registration = registration
        self._lease = lease
        self._events = events
        self._token = token
        self._ping_seconds = ping_seconds
        self._not_ready_after = not_ready_after
        self._reconnected = reconnected
        self._outage_since: float | None = None
        self._heartbeat = 0.0
        self._problems = list[str]()
        self.state = last_known(None, configured).state
        self._registered = asyncio.Event()

    @property
    def registered(self) -> bool:
        """Was the node written as it should be, once at least?"""
        return self._registered.is_set()

    def facts(self) -> NodeFacts:
        """What pods may learn about the node."""
        return NodeFacts(self._identity.name, self._identity.address, self.state.capacity)

    async def run_node(self) -> None:
        """Ping, and keep the node object up to date, until cancelled."""
        recalled = False
        while True:
            recalled = recalled or await self._recall()
            await self.ping()
            if recalled:
                await self._apply_logged()
            healthy = self.state.connectivity.failures == 0 and self.registered
            await asyncio.sleep(self._ping_seconds if healthy else RETRY_PING_SECONDS)

    async def _recall(self) -> bool:
        """Take what the node tells of the site from before us, if the site was not heard yet. False: nobody knows what it tells."""
        try:
            known = last_known(await self._registration.read(), self._configured)
        except ApiError as error:
            log.warning("node.read_failed", status=error.status, error=error.message)
            return False
        ours = self.state.connectivity
        if not self._remote.heard:
            told = replace(known.state.connectivity, failures=ours.failures) if ours.connected is None else ours
            self.state = replace(known.state, connectivity=told)
            if known.away_since is not None:
                self._outage_since = time.monotonic() - max(0.0, time.time() - known.away_since)
        return True

    async def run_lease(self) -> None:
        """Renew the lease until cancelled; a lease that is gone means that somebody deleted the node."""
        await self._registered.wait()
        failures = 0
        while True:
            try:
                if not await self._lease.renew(self._registration.uid):
                    log.warning("node.lease_gone")
                    await self._register_again()
                failures = 0
            except ApiError as error:
                log.warning("node.lease_failed", status=error.status, error=error.message)
                failures += 1
            await asyncio.sleep(RETRY.delay(failures - 1) if failures else RENEW_SECONDS)

    async def _register_again(self) -> None:
        await self._registration.read()
        await self._apply_logged()
        await self._lease.renew(self._registration.uid)

    async def ping(self) -> None:
        """Ask the other side and take up what it says."""
        before, heard = self.state.connectivity, self._remote.heard
        try:
            ping = await self._remote.ping()
        except InterlinkError as error:
            self._failed(before, error)
        else:
            self._answered(ping, heard)
            if not (heard and before.connected):
                self._reconnected()
        self._tell(before, self.state.connectivity)

    def _answered(self, ping: Ping, heard: bool) -> None:
        metrics.LAST_PING.set_to_current_time()
        amounts, problems = capacity(self._configured, ping.reply)
        taints, more_problems = ping_taints(ping.reply, list(self.state.ping_taints) if heard else [])
        self._complain([*problems, *more_problems])
        self._outage_since = None
        self.state = NodeState(CONNECTED, amounts, taints, ping.text)

    def _complain(self, problems: list[str]) -> None:
        """Tell what of a ping was ignored, once for as long as it stays the same."""
        told = problems[:PROBLEMS_TOLD]
        for problem in told:
            if problem not in self._problems:
                log.warning("ping.value_ignored", problem=problem, problems=len(problems))
                self._events.node("Warning", "InterlinkPingValueIgnored", f"the plugin's ping: {problem}")
        self._problems = told

    def _failed(self, before: Connectivity, error: InterlinkError) -> None:
        now = time.monotonic()
        self._outage_since = self._outage_since or now
        ready = not self._not_ready_after or now - self._outage_since < self._not_ready_after
        connectivity = after_failure(before, error, error.http_status == 401 and self._token_expired())
        self.state = replace(self.state, connectivity=connectivity, ready=ready)

    def _token_expired(self) -> bool:
        try:
            return is_expired(self._token(), time.time())
        except OSError:
            return False

    def _tell(self, before: Connectivity, after: Connectivity) -> None:
        metrics.CONNECTED.set(1 if after.connected else 0)
        if (before.connected, before.reason) == (after.connected, after.reason):
            return
        log.info("node.connectivity", connected=after.connected, reason=after.reason, message=after.message)
        if after.connected is False:
            self._events.node("Warning", f"Interlink{after.reason}", after.message)
        elif after.connected and before.connected is False:
            self._events.node("Normal", "InterlinkConnected", after.message)

    async def _apply_logged(self) -> None:
        now = time.monotonic()
        beat = now - self._heartbeat >= HEARTBEAT_SECONDS
        try:
            await self._registration.apply(self.state, heartbeat=beat)
        except ApiError as error:
            log.warning("node.write_failed", status=error.status, error=error.message)
            return
        if beat:
            self._heartbeat = now
        self._registered.set()
