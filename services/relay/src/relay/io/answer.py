"""What every call has in common: it is counted, and where it is refused, told why in JSON and logged.

A flood must not fill the log: of refusals of one kind, one line is written in a while, with how many there were.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from service_runtime.logs import get_logger

from relay import metrics
from relay.model.refusal import Outcome, Refusal

log = get_logger(__name__)

CALLER = web.RequestKey("caller", str)
"""The user, as soon as a ticket has said who it is."""
CLUSTER = web.RequestKey("cluster", str)
LINE_SECONDS = 1.0


class RefusalLog:
    """At most one line a second for each kind of refusal."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, seconds: float = LINE_SECONDS) -> None:
        self._clock, self._seconds = clock, seconds
        self._said: dict[Outcome, float] = {}
        self._unsaid: dict[Outcome, int] = {}

    def say(self, request: web.Request, refusal: Refusal) -> None:
        outcome, now = refusal.outcome, self._clock()
        if now - self._said.get(outcome, -math.inf) < self._seconds:
            self._unsaid[outcome] = self._unsaid.get(outcome, 0) + 1
            return
        self._said[outcome] = now
        log.warning(
            "call.refused",
            **about(request),
            status=outcome.status,
            outcome=outcome,
            reason=refusal.reason,
            more=self._unsaid.pop(outcome, 0),
        )


def answered(most_calls: int) -> Middleware:
    """Answers refusals, and counts; at most `most_calls` connections are open at the same time."""
    running = 0
    refusals = RefusalLog()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal running
        outcome = Outcome.INTERNAL
        running += 1
        try:
            response = await (handler(request) if running <= most_calls else _busy())
            outcome = Outcome.OK
            return response
        except Refusal as refusal:
            outcome = refusal.outcome
            refusals.say(request, refusal)
            return _refused(refusal)
        except web.HTTPException as error:
            routing = _routing(error)
            outcome = routing.outcome
            refusals.say(request, routing)
            return _refused(routing)
        except asyncio.CancelledError:
            outcome = Outcome.ABANDONED
            raise
        except Exception:  # the outermost boundary of a call
            log.exception("call.failed", **about(request))
            return _json(500, Outcome.INTERNAL, "The relay failed; its log says why.", {})
        finally:
            running -= 1
            metrics.calls.labels(outcome).inc()

    return middleware


def _busy() -> Awaitable[web.StreamResponse]:
    raise Refusal(Outcome.BUSY, "This relay holds as many connections as it may. Try again in a moment.", retry_after=5)


def _refused(refusal: Refusal) -> web.Response:
    outcome = refusal.outcome
    headers = {}
    if outcome.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if outcome is Outcome.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET"
    if outcome is Outcome.NO_UPGRADE:
        headers["Upgrade"] = "websocket"
    if outcome.status in (429, 503):
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
    return _json(outcome.status, outcome, refusal.message, headers)


def _json(status: int, outcome: Outcome, message: str, headers: dict[str, str]) -> web.Response:
    response = web.json_response(
        {"error": outcome, "message": message}, status=status, headers={"Cache-Control": "no-store", **headers}
    )
    response.force_close()  # nobody who was refused has another call to make at once; a flood holds no connections
    return response


def _routing(error: web.HTTPException) -> Refusal:
    if error.status == 404:
        return Refusal(Outcome.NOT_FOUND, "There is nothing here; the calls are /v1/listen, /v1/dial and /v1/accept.")
    if error.status == 405:
        return Refusal(Outcome.METHOD_NOT_ALLOWED, "Only GET is answered.")
    return Refusal(Outcome.BAD_REQUEST, "The request can't be read.", reason=f"aiohttp: {error.status} {error.reason}")


def about(request: web.Request) -> dict[str, Any]:
    """What every line about a call says of it. The token of a call is left out: who has it may answer."""
    resource = request.match_info.route.resource
    return {
        "path": resource.canonical if resource is not None else request.path[:120],
        "id": request.match_info.get("id", "")[:100],
        "peer": request.remote,
        "user": request.get(CALLER, ""),
        "cluster": request.get(CLUSTER, ""),
    }
