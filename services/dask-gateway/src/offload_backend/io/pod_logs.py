"""The last lines of a worker's or scheduler's log, never more than a bounded piece of memory."""

from collections import deque

from kubernetes_client.api import ApiServer

from offload_backend.core import names

MOST_LINES = 1000
MOST_BYTES = 256 * 1024
IDLE_SECONDS = 15.0
TOTAL_SECONDS = 30.0


async def tail(api: ApiServer, namespace: str, pod: str, lines: int) -> str:
    """At most `lines` lines and MOST_BYTES of the end of the log. Raises ApiError."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
    wanted = max(1, min(lines, MOST_LINES))
    kept, size = deque[bytes](), 0
    query = {"container": names.CONTAINER, "tailLines": wanted}
    async for chunk in api.stream(path, IDLE_SECONDS, TOTAL_SECONDS, **query):
        kept.append(chunk)
        size += len(chunk)
        while size - len(kept[0]) >= MOST_BYTES:
            size -= len(kept.popleft())
    return b"".join(kept)[-MOST_BYTES:].decode("utf-8", "replace")
