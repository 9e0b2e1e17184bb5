"""Notices that ConfigMaps and Secrets changed: each object is looked at once per interval, however many pods mount it.

A watch of each would need rights to list Secrets, or a connection per object; a kubelet's default is of this kind too. Reads are
spread over the interval and bounded; above the bound objects are looked at later, none is left out.
"""

import asyncio
import zlib
from collections.abc import Iterable
from typing import TypeAlias

from kubernetes_client.answer import ApiError
from service_runtime.logs import get_logger

from virtual_kubelet.core.object_store import MissingObjectError, ObjectName
from virtual_kubelet.core.refresh import version_of
from virtual_kubelet.io.objects import ObjectReader

Key: TypeAlias = tuple[str, ObjectName]
"""Namespace and object."""
READS_AT_ONCE = 8
MOST_READS = 50
"""In one look."""
_NEVER = float("inf")

log = get_logger(__name__)


class ObjectPolls:
    """Versions of the objects that running pods mount."""

    def __init__(self, reader: ObjectReader, interval: float) -> None:
        self._reader = reader
        self._interval = interval
        self._next: dict[Key, float] = {}
        self._versions: dict[Key, str] = {}
        self._slots = asyncio.Semaphore(READS_AT_ONCE)

    def version(self, key: Key) -> str | None:
        """The object's resourceVersion as it was read last, "" if it does not exist; None before the first read."""
        return self._versions.get(key)

    def follow(self, keys: Iterable[Key], now: float) -> None:
        """These are the objects that matter from now on."""
        present = set(keys)
        for key in self._next.keys() - present:
            del self._next[key]
            self._versions.pop(key, None)
        for key in present - self._next.keys():
            self._next[key] = now + self._interval * (zlib.crc32(repr(key).encode()) % 1000) / 1000

    def note(self, key: Key, version: str) -> None:
        """Somebody else read this version of the object just now."""
        if key in self._versions:
            self._versions[key] = version

    async def look(self, now: float) -> set[Key]:
        """Read what is due; the objects whose version is another than before, or was not known."""
        due = sorted((at, key) for key, at in self._next.items() if at <= now)[:MOST_READS]
        async with asyncio.TaskGroup() as group:
            reads = {key: group.create_task(self._read(key, now)) for _, key in due}
        return {key for key, read in reads.items() if read.result()}

    async def _read(self, key: Key, now: float) -> bool:
        namespace, name = key
        async with self._slots:
            try:
                found = await self._reader.read(namespace, name)
            except (ApiError, MissingObjectError) as error:
                log.warning(
                    "refresh.read_failed", namespace=namespace, object=f"{name.kind}/{name.name}", error=str(error)
                )
                self._next[key] = now + self._interval
                return False
        # an immutable object can only be deleted, and what is mounted of it stays then too
        self._next[key] = _NEVER if found is not None and found.get("immutable") else now + self._interval
        before = self._versions.get(key)
        self._versions[key] = version_of(found)
        return before != self._versions[key]
