"""All pods of the node by UID, kept in step with the API server's list and watch. Names recur; UIDs do not."""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.known_pod import KnownPod, known
from virtual_kubelet.model.pod import JsonObject


class Registry:
    """One node's."""

    def __init__(self) -> None:
        self._pods: dict[str, KnownPod] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self.complete = False
        """Was a whole list of the API server taken in?"""

    def __iter__(self) -> Iterator[KnownPod]:
        return iter(list(self._pods.values()))

    def __len__(self) -> int:
        return len(self._pods)

    def get(self, uid: str) -> KnownPod | None:
        return self._pods.get(uid)

    def named(self, namespace: str, name: str) -> KnownPod | None:
        """The pod that has this name now."""
        uid = self._by_name.get((namespace, name))
        return self._pods.get(uid) if uid else None

    def watched(self, pod: JsonObject) -> bool:
        """A list or the watch showed `pod`: is it new, or did more than its status change since they showed it last?

        What answers to our patches showed in between doesn't count, whichever comes first: nobody is told of those.
        """
        entry, wish = self.seen(pod), _wish(pod)
        news = wish != entry.wish
        entry.wish = wish
        return news

    def seen(self, pod: JsonObject) -> KnownPod:
        """The API server showed `pod`, by list, watch, or as the answer to a patch of ours."""
        uid = pods.uid(pod)
        entry = self._pods.get(uid)
        if entry is None:
            entry = self._pods[uid] = known(pod, created_before_us=not self.complete)
        elif not is_older(pod["metadata"].get("resourceVersion", ""), entry.version):
            entry.take(pod)
        if not entry.gone:
            self._by_name[entry.namespace, entry.name] = uid
        return entry

    def vanished(self, uid: str) -> str | None:
        """The API server has no such pod any more; its job may still be there. Returns the UID if the pod was known."""
        entry = self._pods.get(uid)
        if entry is None:
            return None
        entry.gone = True
        if self._by_name.get((entry.namespace, entry.name)) == uid:
            del self._by_name[entry.namespace, entry.name]
        return uid

    def listed(self, uids: Iterable[str]) -> list[str]:
        """A complete list ended with these UIDs: all others have vanished. Returns those."""
        present = set(uids)
        self.complete = True
        return [
            uid for uid, entry in self._pods.items() if uid not in present and not entry.gone and self.vanished(uid)
        ]

    def forget(self, uid: str) -> None:
        """Nothing is left to be done for a vanished pod."""
        self.vanished(uid)
        self._pods.pop(uid, None)


def is_older(version: str, than: str) -> bool:
    """Is one resourceVersion older? (Comparable as numbers: KEP-5504; what is no number counts as newer.)"""
    return version.isdigit() and than.isdigit() and int(version) < int(than)


def _wish(pod: JsonObject) -> bytes:
    """A digest of what others want of the pod: all but its status and what the API server notes of each write."""
    metadata = {
        name: value for name, value in pod["metadata"].items() if name not in ("resourceVersion", "managedFields")
    }
    whole = msgspec.json.encode([metadata, pod["spec"]], order="sorted")
    return hashlib.blake2b(whole, digest_size=8).digest()
