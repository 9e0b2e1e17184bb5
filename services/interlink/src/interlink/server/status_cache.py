"""The last status of each pod, so that an end that was seen once is answered for ever without asking the plugin."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interlink.protocol.decode import encode
from interlink.protocol.types import Pod, PodStatus

CAPACITY = 50_000
CAPACITY_BYTES = 64 * 1024 * 1024
"""As JSON. A plugin may put whole tails of logs into messages."""


def uid_of(pod: Pod) -> str:
    """The pod's UID, the only key anywhere; "" if it has none."""
    metadata = pod.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    return uid if isinstance(uid, str) else ""


@dataclass(frozen=True, slots=True)
class _Entry:
    status: PodStatus
    size: int


class StatusCache:
    """Statuses by UID; those told longest ago are forgotten above either bound. Rebuilt from the plugin after a restart."""

    def __init__(self, capacity: int = CAPACITY, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._leaving: OrderedDict[str, None] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def stale(self, pods: Sequence[Pod]) -> list[Pod]:
        """Those of `pods` that the plugin must be asked for: not seen yet, or not known to have ended."""
        return [pod for pod in pods if uid_of(pod) not in self._entries or not _has_ended(pod)]

    def answer(self, pods: Sequence[Pod], told: Iterable[PodStatus]) -> list[PodStatus]:
        """What is known of `pods` now that the plugin `told` of the stale ones, in their order; unknown ones are left out.

        Statuses of others are dropped. The answer is whole even where it is more than is kept.
        """
        wanted = {uid_of(pod) for pod in self.stale(pods)}
        passing: dict[str, PodStatus] = {}
        for status in told:
            if status.UID in wanted and status.UID in self._leaving:
                passing[status.UID] = status
            elif status.UID in wanted:
                self._keep(status)
        known = passing | {uid: self._entries[uid].status for uid in map(uid_of, pods) if uid in self._entries}
        found = [known[uid] for uid in map(uid_of, pods) if uid in known]
        while len(self._entries) > self._capacity or self._bytes > self._capacity_bytes:
            self.drop(next(iter(self._entries)))
        return found

    def all(self) -> list[PodStatus]:
        """Everything that is known."""
        return [entry.status for entry in self._entries.values()]

    def drop(self, uid: str) -> None:
        """Forget a pod."""
        entry = self._entries.pop(uid, None)
        self._bytes -= entry.size if entry is not None else 0

    def leave(self, uid: str) -> None:
        """The pod was deleted: forget it, and keep nothing of it from now on, so that its absence is seen when it is gone."""
        self.drop(uid)
        self._leaving[uid] = None
        while len(self._leaving) > self._capacity:
            self._leaving.popitem(last=False)

    def _keep(self, status: PodStatus) -> None:
        before = self._entries.get(status.UID)
        if before is not None and before.status == status:
            self._entries.move_to_end(status.UID)
            return
        self.drop(status.UID)
        entry = self._entries[status.UID] = _Entry(status, len(encode(status)))
        self._bytes += entry.size


def _has_ended(pod: Pod) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
