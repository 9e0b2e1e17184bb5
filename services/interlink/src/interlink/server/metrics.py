"""What the API server counts."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter("interlink_server_calls_total", "Calls by operation and status.", ["call", "status"])
SECONDS = Histogram("interlink_server_call_seconds", "Duration of calls, log streams included.", ["call"])
PLUGIN_UP = Gauge("interlink_server_plugin_up", "1 if the plugin answered the last ping.")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def counted(call: str, handler: Handler) -> Handler:
    """`handler` with its calls counted and timed under the name `call`; what it raises is counted as its status."""

    async def wrapper(request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except Exception as error:
            status = getattr(error, "http_status", getattr(error, "status", 500))
            raise
        finally:
            CALLS.labels(call, str(status)).inc()
            SECONDS.labels(call).observe(time.monotonic() - began)

    return wrapper
