"""The last status of each pod, so that an end that was seen once is answered for ever without asking the plugin."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from interlink.protocol.types import Pod, PodStatus

DEFAULT_CAPACITY = 50_000


def uid_of(pod: Pod) -> str:
    """The pod's UID, the only key anywhere; "" if it has none."""
    uid: str = (pod.get("metadata") or {}).get("uid") or ""
    return uid


class StatusCache:
    """Statuses by UID, the least recently used forgotten above `capacity`; rebuilt from the plugin after a restart."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[str, PodStatus] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def stale(self, pods: Sequence[Pod]) -> list[Pod]:
        """Those of `pods` that the plugin must be asked for: not seen yet, or not known to have ended."""
        return [pod for pod in pods if uid_of(pod) not in self._entries or not _has_ended(pod)]

    def store(self, statuses: Iterable[PodStatus], asked: Iterable[str]) -> set[str]:
        """Keep the statuses of the UIDs in `asked`; gives the UIDs that were among them. Others' statuses are dropped."""
        wanted = set(asked)
        kept = set()
        for status in statuses:
            if status.UID in wanted:
                self._entries[status.UID] = status
                self._entries.move_to_end(status.UID)
                kept.add(status.UID)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return kept

    def get(self, pods: Sequence[Pod]) -> list[PodStatus]:
        """What is known of `pods`, in their order; unknown ones are left out."""
        return [self._entries[uid] for uid in map(uid_of, pods) if uid in self._entries]

    def all(self) -> list[PodStatus]:
        """Everything that is known."""
        return list(self._entries.values())

    def drop(self, uid: str) -> None:
        """Forget a pod."""
        self._entries.pop(uid, None)


def _has_ended(pod: Pod) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
