"""A watch as an HTTP body: one JSON object a line, the newest status of each pod that changed, and a line now and then."""

import asyncio
from collections.abc import AsyncIterator

from interlink.protocol import watch
from interlink.protocol.decode import encode

from condor_sidecar.app.pods import PodTable

GATHER_SECONDS = 0.1
"""Changes of a burst travel together, and a pod that changes quickly is told of ten times a second at most."""
PODS_AT_ONCE = 500


async def lines(table: PodTable, since: str) -> AsyncIterator[bytes]:
    """What changed after `since`, then what changes, until the reader goes away."""
    changes = table.changes
    told = since
    while True:
        uids, newest = changes.since(told), changes.revision
        for start in range(0, len(uids), PODS_AT_ONCE):
            found = (table.get(uid) for uid in uids[start : start + PODS_AT_ONCE])
            statuses = (table.status(pod) for pod in found if pod is not None and not pod.deleting)
            yield b"".join(encode(watch.Change(status=status)) + b"\n" for status in statuses if status is not None)
            await asyncio.sleep(0)
        told = newest
        yield encode(watch.Change(revision=told)) + b"\n"
        await changes.wait(told, watch.BEAT_SECONDS)
        await asyncio.sleep(GATHER_SECONDS)
