"""Who may use the kubelet port: as with a kubelet, the API server is asked.

A caller is known by a client certificate of the cluster's authority (its common name, its organisations as groups) or by a bearer
token (TokenReview), and allowed by a SubjectAccessReview for `nodes/proxy` of this node. Answers are remembered briefly.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from service_runtime.logs import get_logger

from virtual_kubelet.io.api import ApiError, ApiServer
from virtual_kubelet.model.pod import JsonObject

REMEMBER_SECONDS = 15.0
REMEMBERED = 512

log = get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whom the API server knows."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""


class KubeletAccess:
    """The gate in front of every route of the kubelet port."""

    def __init__(self, api: ApiServer, node: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._node = node
        self._clock = clock
        self._answers: OrderedDict[object, tuple[float, Any]] = OrderedDict()

    def middleware(self) -> Any:
        """401 for whom nobody knows, 403 for whom nobody allowed it, 503 while the API server can't be asked."""

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                caller = await self._authenticate(request)
                if caller is None:
                    return web.Response(status=401, text="Unauthorized\n")
                if not await self._authorize(caller, "get" if request.method == "GET" else "create"):
                    log.info("kubelet.forbidden", user=caller.user, path=request.path)
                    text = f"Forbidden (user={caller.user}, verb={request.method}, resource=nodes, subresource=proxy)\n"
                    return web.Response(status=403, text=text)
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
        token = token.strip()
        key = hashlib.sha256(token.encode()).digest()
        caller: Caller | None = await self._remembered(key, lambda: self._review_token(token))
        return caller

    async def _authorize(self, caller: Caller, verb: str) -> bool:
        allowed: bool = await self._remembered((caller, verb), lambda: self._review_access(caller, verb))
        return allowed

    async def _remembered(self, key: object, ask: Callable[[], Awaitable[Any]]) -> Any:
        now = self._clock()
        found = self._answers.get(key)
        if found is not None and found[0] > now:
            return found[1]
        answer = await ask()
        self._answers[key] = (now + REMEMBER_SECONDS, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return answer

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


def _of_certificate(certificate: JsonObject) -> Caller | None:
    """The caller as the API server reads certificates: CN is the user, each O a group."""
    fields = [pair for part in certificate.get("subject", ()) for pair in part]
    user = next((value for name, value in fields if name == "commonName"), "")
    groups = tuple(value for name, value in fields if name == "organizationName")
    return Caller(user, (*groups, "system:authenticated")) if user else None
