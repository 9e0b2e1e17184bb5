"""What every answer has in common: JSON, kept by nobody on the way, counted, and where it is a refusal, logged."""

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from service_runtime.logs import get_logger

from token_service import metrics
from token_service.model.refusal import FOR_ADMINISTRATORS, Outcome, Refusal

log = get_logger(__name__)

CALLER = web.RequestKey("caller", str)
"""The user, as soon as the hub has said who it is."""
LEAST_RETRY_SECONDS = 5


def answer(status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(content, status=status, headers={"Cache-Control": "no-store", **(headers or {})})


def answered(most_calls: int) -> Middleware:
    """Answers refusals, and counts; at most `most_calls` are answered at the same time."""
    running = 0

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal running
        outcome, started = Outcome.INTERNAL, time.monotonic()
        running += 1
        metrics.in_flight.inc()
        try:
            response = await (handler(request) if running <= most_calls else _busy())
            outcome = Outcome.OK
            return response
        except Refusal as refusal:
            outcome = refusal.outcome
            return _refused(request, refusal)
        except web.HTTPException as error:
            routing = _routing(error)
            outcome = routing.outcome
            return _refused(request, routing)
        except asyncio.CancelledError:
            outcome = Outcome.ABANDONED
            raise
        except Exception:  # the outermost boundary of a call
            log.exception("call.failed", **_about(request))
            return answer(500, {"error": Outcome.INTERNAL, "message": "The token service failed; its log says why."})
        finally:
            running -= 1
            metrics.in_flight.dec()
            metrics.calls.labels(outcome).inc()
            metrics.call_seconds.observe(time.monotonic() - started)

    return middleware


async def _busy() -> NoReturn:
    raise Refusal(Outcome.BUSY, "Too many calls are being answered. Try again in a moment.")


def _refused(request: web.Request, refusal: Refusal) -> web.Response:
    outcome = refusal.outcome
    say = log.error if outcome in FOR_ADMINISTRATORS else log.warning
    if not refusal.told:
        say("call.refused", **_about(request), status=outcome.status, outcome=outcome, reason=refusal.reason)
    headers = {}
    if outcome.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if outcome is Outcome.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET"
    if outcome.status in (429, 503):
        least = 1 if outcome is Outcome.RATE_LIMITED else LEAST_RETRY_SECONDS
        headers["Retry-After"] = str(max(least, math.ceil(refusal.retry_after)))
    return answer(outcome.status, {"error": outcome, "message": refusal.message}, headers)


def _routing(error: web.HTTPException) -> Refusal:
    if error.status == 404:
        return Refusal(Outcome.NOT_FOUND, "There is nothing here; ask for /v1/token or /v1/profiles.")
    if error.status == 405:
        return Refusal(Outcome.METHOD_NOT_ALLOWED, "Only GET is answered.")
    return Refusal(Outcome.BAD_REQUEST, "The request can't be read.", reason=f"aiohttp: {error.status} {error.reason}")


def _about(request: web.Request) -> dict[str, Any]:
    """What every line about a call says of it. The query is left out: others put secrets there."""
    return {
        "method": request.method,
        "path": request.path[:100],
        "peer": request.remote,
        "user": request.get(CALLER, ""),
    }
