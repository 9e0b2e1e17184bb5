"""JupyterHub's REST API as far as our services ask it, with faults on demand.

For faults alone: what a real hub answers is tested with a real one (tests/unit/token_service/test_with_a_real_hub.py).
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from service_runtime.listen import Listen, serve_app

Mode = Literal["ok", "fail", "hang", "garbage", "huge", "list", "forbid", "starting", "redirect"]


@dataclass
class FakeHub:
    """Serves its API at `url`; `user_mode` is how `GET /user` is answered, `users_mode` the rest."""

    url: str = ""
    user_mode: Mode = "ok"
    users_mode: Mode = "ok"
    service_token: str = field(default_factory=lambda: f"service-{secrets.token_hex(16)}")
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `GET /user` answers, by the token that asks."""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `GET /users/NAME` answers the service."""
    stale: set[str] = field(default_factory=set)
    """Users whose login can't be renewed: the hub answers their tokens as it does those that it never made."""
    paths: list[str] = field(default_factory=list)
    """Of all requests, as they came over the wire."""
    activity: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What the service said of users' activity: their names and the requests' bodies."""

    def log_in(self, name: str, refresh_token: str, subject: str | None = None) -> str:
        """Somebody logs in and starts a server; gives the server's token."""
        subject = subject or f"subject of {name}"
        state = {"refresh_token": refresh_token, "access_token": f"full-{secrets.token_hex(16)}", "subject": subject}
        self.users[name] = {"kind": "user", "name": name, "admin": False, "auth_state": state}
        return self.token(name, f"users:activity!user={name}", f"access:servers!server={name}/")

    def token(self, name: str, *scopes: str, kind: str = "user") -> str:
        token = secrets.token_hex(16)
        self.tokens[token] = {"kind": kind, "name": name, "scopes": list(scopes)}
        return token

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/hub/api/user", self._user)
        app.router.add_get("/hub/api/users/{name}", self._users)
        app.router.add_post("/hub/api/users/{name}/activity", self._activity)
        return app

    async def _user(self, request: web.Request) -> web.StreamResponse:
        model = self.tokens.get(self._shown(request))
        if model is None or model["name"] in self.stale:
            return await _as(self.user_mode, _forbidden())
        return await _as(self.user_mode, web.json_response(model))

    async def _users(self, request: web.Request) -> web.StreamResponse:
        if self._shown(request) != self.service_token:
            return _forbidden()
        model = self.users.get(request.match_info["name"])
        if model is None:
            return web.json_response({"status": 404, "message": "Not Found"}, status=404)
        return await _as(self.users_mode, web.json_response(model))

    async def _activity(self, request: web.Request) -> web.StreamResponse:
        if self._shown(request) != self.service_token:
            return _forbidden()
        self.activity.append((request.match_info["name"], await request.json()))
        return await _as(self.users_mode, web.Response())

    def _shown(self, request: web.Request) -> str:
        self.paths.append(request.raw_path)
        return request.headers.get("Authorization", "").removeprefix("token ")


_BROKEN: Mapping[Mode, tuple[int, str]] = {
    "fail": (500, "Internal Server Error"),
    "starting": (503, "<html>the hub is starting</html>"),
    "garbage": (200, "<html>a login page</html>"),
    "huge": (200, " " * (2 * 1024 * 1024)),
}


def _forbidden() -> web.Response:
    return web.json_response({"status": 403, "message": "Forbidden"}, status=403)


async def _as(mode: Mode, usual: web.Response) -> web.StreamResponse:
    match mode:
        case "ok":
            return usual
        case "hang":
            await asyncio.sleep(60)
            return usual
        case "redirect":
            raise web.HTTPFound("/hub/login")
        case "forbid":
            return _forbidden()
        case "list":
            return web.json_response([usual.text])
        case _:
            status, text = _BROKEN[mode]
            return web.Response(status=status, text=text + str(usual.text), content_type="application/json")


@contextlib.asynccontextmanager
async def running(hub: FakeHub) -> AsyncIterator[FakeHub]:
    """Serve `hub` on this machine and set its `url`."""
    async with serve_app(hub.app(), Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1) as bound:
        assert bound is not None
        hub.url = f"http://127.0.0.1:{bound[1]}/hub/api"
        yield hub
