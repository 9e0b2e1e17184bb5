"""The answer to every call: health, a refusal without a word, or what the upstream says."""

from typing import Any

from aiohttp import web
from service_runtime.logs import get_logger

from oauth2_proxy import metrics
from oauth2_proxy.core.headers import upstream_headers
from oauth2_proxy.io.forward import Upstream, UpstreamFault
from oauth2_proxy.io.gate import Gate
from oauth2_proxy.io.job_channel import JobChannels
from oauth2_proxy.io.load import Load, TooManyStreams
from oauth2_proxy.io.request_body import BodyFault
from oauth2_proxy.model.settings import Settings
from oauth2_proxy.model.verdict import Caller, Denied, Outcome

log = get_logger(__name__)

SESSION_HEADER = "InterLink-Http-Session"
RETRY_SECONDS = "2"
_QUIET_METHODS = ("GET", "HEAD")  # asked every few seconds for ever; what changes something is worth a line


class Handler:
    """Handles the calls of one application."""

    def __init__(self, settings: Settings, gate: Gate, upstream: Upstream, channels: JobChannels | None) -> None:
        self._settings = settings
        self._gate = gate
        self._upstream = upstream
        self._channels = channels
        self._load = Load(settings.limits)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == self._settings.health_path:
            return web.Response(text="ok\n")
        if self._channels is not None and self._channels.serves(request):
            return await self._channels.handle(request)
        verdict = await self._gate.judge(request.headers.getall("Authorization", ()))
        if isinstance(verdict, Denied):
            metrics.requests.labels(verdict.outcome).inc()
            log.warning("request.denied", **_about(request), **_refusal(verdict))
            return _denial(verdict.outcome)
        metrics.requests.labels(Outcome.ALLOWED).inc()
        return await self._pass_on(request, verdict)

    async def _pass_on(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            # a proxy's absolute form, or CONNECT: there is one upstream, and it isn't the caller's to name
            return _failure(400, "malformed")
        if self._load.is_full:
            return _failure(503, "busy")
        headers = upstream_headers(
            request.headers,
            caller,
            peer=request.remote or "",
            scheme=request.scheme,
            pass_authorization=self._settings.pass_authorization,
        )
        try:
            with self._load.call() as place:
                if web.WebSocketResponse().can_prepare(request).ok:
                    response = await self._upstream.forward_websocket(request, headers, place.streams)
                else:
                    response = await self._upstream.forward(request, headers, self._settings.limits.body, place.streams)
        except TooManyStreams:
            log.warning("request.too_many_streams", **_about(request), limit=self._settings.limits.streams)
            # another method may have had its effect already, which 503 would deny
            return _failure(503 if request.method in _QUIET_METHODS else 502, "busy")
        except UpstreamFault as fault:
            log.warning("upstream.failed", **_about(request), status=fault.status, error=str(fault))
            return _failure(fault.status, "unreachable" if fault.status == 503 else "broken")
        except BodyFault as fault:
            log.warning("request.body_refused", **_about(request), status=fault.status, error=str(fault))
            return _failure(fault.status, "body")
        metrics.forwards.labels("answered").inc()
        say = log.debug if request.method in _QUIET_METHODS and response.status < 400 else log.info
        say("request.forwarded", **_about(request), subject=caller.subject, status=response.status)
        return response


def _denial(outcome: Outcome) -> web.Response:
    """The reply to a refused call. It says nothing of why: what is wrong with a token helps whoever made it up."""
    headers = {}
    if outcome.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if outcome.status == 503:
        headers["Retry-After"] = RETRY_SECONDS
    return web.Response(status=outcome.status, headers=headers)


def _failure(status: int, result: str) -> web.Response:
    metrics.forwards.labels(result).inc()
    return web.Response(status=status, headers={"Retry-After": RETRY_SECONDS} if status == 503 else None)


def _refusal(denied: Denied) -> dict[str, Any]:
    return {
        "status": denied.outcome.status,
        "outcome": denied.outcome,
        "reason": denied.reason,
        "subject": denied.subject,
    }


def _about(request: web.Request) -> dict[str, Any]:
    """What every line about a call says of it. The query is left out: others' clients put secrets there."""
    return {
        "method": request.method,
        "path": request.path,
        "peer": request.remote,
        "request": request.headers.get(SESSION_HEADER, ""),
    }
