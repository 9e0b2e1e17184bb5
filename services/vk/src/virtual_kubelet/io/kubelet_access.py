"""Who may use the kubelet port: as with a kubelet, the API server is asked.

A caller is known by a client certificate of the cluster's authority (its common name, its organisations as groups) or by a bearer
token (TokenReview), and allowed by a SubjectAccessReview for `nodes/proxy` of this node. Answers are remembered briefly.

Everybody who reaches the port can send tokens: few are reviewed at a time and few wait for it, so that made-up ones neither keep
the API server busy nor take the connections of the node's own work; and they push no known caller out of the memory.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

from virtual_kubelet.io.short_memory import ShortMemory
from virtual_kubelet.model.pod import JsonObject

CHANGING = ("/exec/", "/attach/", "/portForward/", "/run/")
REVIEWS_AT_ONCE = 4
REVIEWS_WAITING = 64

log = get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whom the API server knows."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""


class TooManyReviewsError(Exception):
    """More tokens wait for their review than may."""


class KubeletAccess:
    """The gate in front of every route of the kubelet port."""

    def __init__(self, api: ApiServer, node: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._node = node
        self._callers = ShortMemory[bytes, Caller](clock)
        self._strangers = ShortMemory[bytes, bool](clock)
        self._rights = ShortMemory[tuple[Caller, str], bool](clock)
        self._slots = asyncio.Semaphore(REVIEWS_AT_ONCE)
        self._waiting = 0

    def middleware(self) -> Any:
        """401 for whom nobody knows, 403 for whom nobody allowed it, 503 while the API server can't be asked (so quickly)."""

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                caller = await self._authenticate(request)
                if caller is None:
                    return web.Response(status=401, text="Unauthorized\n")
                if not await self._authorize(caller, _verb(request)):
                    log.info("kubelet.forbidden", user=caller.user, path=request.path)
                    text = f"Forbidden (user={caller.user}, verb={request.method}, resource=nodes, subresource=proxy)\n"
                    return web.Response(status=403, text=text)
            except TooManyReviewsError:
                log.warning("kubelet.too_many_reviews", waiting=self._waiting)
                text = "too many callers at once wait to be told who they are; try again\n"
                return web.Response(status=503, text=text, headers={"Retry-After": "1"})
            except ApiError as error:
                log.warning("kubelet.review_failed", status=error.status, error=error.message)
                return web.Response(status=503, text="the API server could not be asked who you are\n")
            return await handler(request)

        return gate

    async def _authenticate(self, request: web.Request) -> Caller | None:
        certificate = request.transport.get_extra_info("peercert") if request.transport is not None else None
        if certificate:
            return _of_certificate(certificate)
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            return None
        return await self._bearer(token.strip())

    async def _bearer(self, token: str) -> Caller | None:
        key = hashlib.sha256(token.encode()).digest()
        if self._strangers.get(key):
            return None
        known = self._callers.get(key)
        if known is not None:
            return known
        if self._waiting >= REVIEWS_WAITING:
            raise TooManyReviewsError
        self._waiting += 1
        try:
            async with self._slots:
                return await self._reviewed(key, token)
        finally:
            self._waiting -= 1

    async def _reviewed(self, key: bytes, token: str) -> Caller | None:
        # another request may have waited for the review of the same token
        if self._strangers.get(key):
            return None
        caller = self._callers.get(key)
        if caller is None:
            caller = await self._review_token(token)
            if caller is None:
                self._strangers.put(key, True)
            else:
                self._callers.put(key, caller)
        return caller

    async def _authorize(self, caller: Caller, verb: str) -> bool:
        allowed = self._rights.get((caller, verb))
        if allowed is None:
            allowed = await self._review_access(caller, verb)
            self._rights.put((caller, verb), allowed)
        return allowed

    async def _review_token(self, token: str) -> Caller | None:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        status = (await self._api.post("/apis/authentication.k8s.io/v1/tokenreviews", body)).get("status") or {}
        if not status.get("authenticated"):
            return None
        user = status.get("user") or {}
        return Caller(user.get("username", ""), tuple(user.get("groups") or ()), user.get("uid", ""))

    async def _review_access(self, caller: Caller, verb: str) -> bool:
        resource = {"verb": verb, "version": "v1", "resource": "nodes", "subresource": "proxy", "name": self._node}
        spec: JsonObject = {"user": caller.user, "groups": list(caller.groups), "resourceAttributes": resource}
        if caller.uid:
            spec["uid"] = caller.uid
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        status = (await self._api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)).get("status") or {}
        return bool(status.get("allowed"))


def _verb(request: web.Request) -> str:
    """A kubelet takes the verb from the method, so that whoever may read logs may run commands over a WebSocket, which begins
    with GET; here, running something is never reading."""
    changes = request.method not in ("GET", "HEAD") or request.path.startswith(CHANGING)
    return "create" if changes else "get"


def _of_certificate(certificate: JsonObject) -> Caller | None:
    """The caller as the API server reads certificates: CN is the user, each O a group."""
    fields = [pair for part in certificate.get("subject", ()) for pair in part]
    user = next((value for name, value in fields if name == "commonName"), "")
    groups = tuple(value for name, value in fields if name == "organizationName")
    return Caller(user, (*groups, "system:authenticated")) if user else None
