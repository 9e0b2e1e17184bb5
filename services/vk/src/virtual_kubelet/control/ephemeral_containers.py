"""Hands ephemeral containers over (`kubectl debug`) once their pod's job has begun, and says what keeps them from it.

A look every second finds pods with ephemeral containers that the site has not spoken of. They are sent, with the volumes that they
mount, until it does: more and more seldom, and at once when the site speaks of the pod again, since its job may have begun. What
is in the way is told once: in the container's status, and in an event if it needs somebody.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from interlink.protocol.errors import InterlinkError, Rejected
from kubernetes_client.answer import ApiError
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.work_queue import WorkQueue
from virtual_kubelet.core import ephemeral
from virtual_kubelet.core.container_status import CREATING
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.field_reference import NodeFacts
from virtual_kubelet.core.object_store import MissingObjectError
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.volumes import token_requests
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.model.known_pod import KnownPod, Obstacle, Stage

UNABLE = "ProviderUnable"
NO_UPDATES = (
    "this site can't start containers in pods that run: it doesn't announce `update`, which needs the sidecar of this platform "
    "with a job channel"
)
LOOK_SECONDS = 1.0
AT_ONCE = 2
LANE = "ephemeral"
RETRY = Backoff(2.0, 120.0)
NOT_POSSIBLE = 501

log = get_logger(__name__)


@dataclass(slots=True)
class _Tries:
    """Of one pod, since the site's latest report of it, and since it was given another container."""

    report: bytes | None
    names: frozenset[str]
    count: int = 0
    not_before: float = 0.0


class EphemeralContainers:
    """One loop for all pods of the node. Keeps `known.obstacles`; `show` has a pod's status written anew."""

    def __init__(
        self,
        registry: Registry,
        remote: Remote,
        reader: ObjectReader,
        events: EventRecorder,
        *,
        translation: Translation,
        node: Callable[[], NodeFacts],
        show: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry, self._remote, self._reader, self._events = registry, remote, reader, events
        self._translation, self._node, self._show, self._clock = translation, node, show, clock
        self._tries: dict[str, _Tries] = {}
        self.queue = WorkQueue(self._hand_over, {LANE: AT_ONCE}, lambda _: LANE, RETRY)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Find those that are to be handed over, and have it done."""
        waiting = [known for known in self._registry if known.ephemeral and _is_there(known)]
        if not self._remote.updates:
            for known in waiting if self._remote.heard else ():
                self._unsupported(known)
            return
        now = self._clock()
        left = {known.uid: known for known in waiting if ephemeral.unheard(known)}
        self._tries = {uid: tries for uid, tries in self._tries.items() if uid in left}
        for uid, known in left.items():
            tries = self._tries.get(uid)
            names = frozenset(ephemeral.unheard(known))
            if tries is None or (tries.report, tries.names) != (known.report, names):
                tries = self._tries[uid] = _Tries(known.report, names)
            if tries.not_before <= now:
                self.queue.add(uid)

    async def _hand_over(self, uid: str) -> None:
        known, tries = self._registry.get(uid), self._tries.get(uid)
        if known is None or tries is None or not _is_there(known) or tries.not_before > self._clock():
            return
        tries.not_before, tries.count = self._clock() + RETRY.delay(tries.count), tries.count + 1
        try:
            await self._send(known)
        except InterlinkError as error:
            if error.http_status == NOT_POSSIBLE:
                self._impossible(known, error.reason)
            else:
                self._postponed(known, error)
        except MissingObjectError as error:
            self._missing(known, dict.fromkeys(known.ephemeral, error))
        except ApiError as error:
            log.warning("ephemeral.api_failed", pod_uid=uid, status=error.status, error=error.message)

    async def _send(self, known: KnownPod) -> None:
        """Send all that can be sent, if one of them is new to the site. Raises InterlinkError, MissingObjectError, ApiError."""
        pod, node = known.pod(), self._node()
        narrowed = ephemeral.with_mounted_volumes(pod)
        store = await self._reader.fetch(pod, ephemeral.objects(narrowed, self._translation.volumes), ())
        added, missing = ephemeral.resolve(pod, store, node, self._translation)
        self._missing(known, missing)
        names = [container["name"] for container in added]
        if not set(names).intersection(ephemeral.unheard(known)):
            return
        tokens = token_requests(narrowed, self._translation.volumes)
        store = replace(store, **await self._reader.tokens(pod, tokens))
        await self._remote.update(ephemeral.request(narrowed, store, node, self._translation, added))
        log.info("ephemeral.handed_over", pod_uid=known.uid, pod=known.reference, containers=names)

    def _impossible(self, known: KnownPod, why: str) -> None:
        """The site said that nothing reaches this pod's job."""
        for name in ephemeral.unheard(known):
            self._note(known, name, Obstacle(UNABLE, f"not started: {why}"), event=UNABLE)

    def _unsupported(self, known: KnownPod) -> None:
        """The site takes no updates, as far as it announces."""
        for name in ephemeral.untold(known):
            self._note(known, name, Obstacle(UNABLE, f"not started: {NO_UPDATES}"), event=UNABLE)

    def _missing(self, known: KnownPod, errors: Mapping[str, MissingObjectError]) -> None:
        """Something that they need isn't there; they are tried again."""
        for name in ephemeral.unheard(known):
            if name in errors:
                error = errors[name]
                words = f"Error: {error}" if error.event == "Failed" else str(error)
                self._note(known, name, Obstacle(error.reason, str(error)), event=error.event, words=words)

    def _postponed(self, known: KnownPod, error: InterlinkError) -> None:
        """The site didn't take them this time."""
        reason = ephemeral.CONFIG_ERROR if isinstance(error, Rejected) else CREATING
        for name in ephemeral.unheard(known):
            self._note(known, name, Obstacle(reason, f"not started yet, trying again: {error.reason}"))

    def _note(self, known: KnownPod, name: str, obstacle: Obstacle, *, event: str = "", words: str = "") -> None:
        if known.obstacles.get(name) == obstacle:
            return
        known.obstacles[name] = obstacle
        if event:
            part = f"spec.ephemeralContainers{{{name}}}"
            self._events.pod(known, "Warning", event, words or obstacle.message, part=part)
        self._show(known.uid)


def _is_there(known: KnownPod) -> bool:
    """The site has it, as far as is known, and is to have it."""
    return known.stage is Stage.SUBMITTED and not (known.terminal or known.deleting or known.gone)
