"""An OpenID provider for people, with faults on demand: no log-in page, refresh tokens that work once, groups that come and go.

For faults alone: what a real provider does is tested with a real one (tests/contract).
"""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode

from aiohttp import BasicAuth, web

Mode = Literal["ok", "fail", "busy", "refuse", "refuse the client", "disable the client", "garbage"]


@dataclass
class PeopleIam:
    """Whoever asks is `person` already. Userinfo shows the groups that the person had when the token was made, as IAM does."""

    url: str = ""
    person: str = "mario"
    groups: dict[str, list[str]] = field(default_factory=lambda: {"mario": ["/icsc"]})
    subjects: dict[str, str] = field(default_factory=dict)
    life: int = 3600
    rotates: bool = True
    """Whether a refresh token works once; else each answer has the same one again."""
    token_mode: Mode = "ok"
    userinfo_mode: Mode = "ok"
    token_requests: list[dict[str, str]] = field(default_factory=list)
    userinfo_requests: int = 0
    revoked: list[str] = field(default_factory=list)
    basic: tuple[str, str] | None = None
    """Of the last request that a client made."""
    gate: asyncio.Event | None = None
    """If set, the token endpoint waits for it."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _refresh: dict[str, str] = field(default_factory=dict)
    _access: dict[str, dict[str, Any]] = field(default_factory=dict)

    def claims(self, person: str) -> dict[str, Any]:
        subject = self.subjects.get(person, f"subject of {person}")
        found: dict[str, Any] = {"sub": subject, "preferred_username": person}
        if self.groups.get(person):
            found["wlcg.groups"] = self.groups[person]
        return found

    def grant(self, person: str, scope: str = "openid offline_access wlcg.groups") -> dict[str, Any]:
        """A token response, as the token endpoint gives it."""
        access, refresh = f"eyJhbGciOiJub25l.{secrets.token_urlsafe()}.s", secrets.token_urlsafe()
        self._access[access] = self.claims(person)
        self._refresh[refresh] = person
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.life,
            "scope": scope,
        }

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo)
        app.router.add_post("/revoke", self._revoke)
        app.router.add_get("/logout", self._logout)
        return app

    async def _discovery(self, _request: web.Request) -> web.Response:
        return web.json_response({"issuer": self.url, "token_endpoint": f"{self.url}token"})

    async def _authorize(self, request: web.Request) -> web.Response:
        code = secrets.token_urlsafe()
        self._codes[code] = {**request.query, "person": self.person}
        answer = urlencode({"code": code, "state": request.query["state"]})
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{answer}")

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self._note_client(request)
        self.token_requests.append(form)
        if self.gate is not None:
            await self.gate.wait()
        if (broken := _fault(self.token_mode)) is not None:
            return broken
        if form["grant_type"] == "authorization_code":
            asked = self._codes.pop(form["code"], None)
            proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if asked is None or proof.rstrip(b"=").decode() != asked["code_challenge"]:
                return web.json_response({"error": "invalid_grant"}, status=400)
            return web.json_response(self.grant(asked["person"], asked["scope"]))
        person = self._refresh.pop(form["refresh_token"], None)
        if person is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        granted = self.grant(person, form.get("scope", "everything"))
        if not self.rotates:
            self._refresh.pop(granted["refresh_token"])
            self._refresh[form["refresh_token"]] = person
            granted["refresh_token"] = form["refresh_token"]
        return web.json_response(granted)

    async def _userinfo(self, request: web.Request) -> web.Response:
        self.userinfo_requests += 1
        if (broken := _fault(self.userinfo_mode)) is not None:
            return broken
        claims = self._access.get(request.headers["Authorization"].removeprefix("Bearer "))
        return web.json_response(claims or {"error": "invalid_token"}, status=200 if claims else 401)

    async def _revoke(self, request: web.Request) -> web.Response:
        self._note_client(request)
        form = parse_qs(await request.text())
        self.revoked.append(form["token"][0])
        self._refresh.pop(form["token"][0], None)
        return web.Response()

    async def _logout(self, _request: web.Request) -> web.Response:
        return web.Response(text="logged out of the provider")

    def _note_client(self, request: web.Request) -> None:
        header = request.headers.get("Authorization")
        known = BasicAuth.decode(header) if header else None
        self.basic = (known.login, known.password) if known else None


_REFUSALS: dict[Mode, tuple[int, str]] = {
    "refuse": (400, "invalid_grant"),
    "refuse the client": (401, "invalid_client"),
    "disable the client": (400, "unauthorized_client"),
}


def _fault(mode: Mode) -> web.Response | None:
    match mode:
        case "ok":
            return None
        case "fail":
            return web.Response(status=502, text="out of order")
        case "busy":
            return web.Response(status=429, headers={"Retry-After": "60"})
        case "garbage":
            return web.Response(text="<html>not json", content_type="application/json")
    status, error = _REFUSALS[mode]
    return web.json_response({"error": error}, status=status)


@contextlib.asynccontextmanager
async def running(iam: PeopleIam, tls: ssl.SSLContext | None = None) -> AsyncIterator[PeopleIam]:
    """Serve `iam` on this machine and set its `url`, which ends in a slash as INDIGO IAM's does."""
    runner = web.AppRunner(iam.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    iam.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield iam
    finally:
        await runner.cleanup()
