"""An OpenID issuer that mints what a test asks for and misbehaves on demand; it speaks the real protocol.

For faults alone: what a real provider does is tested with a real one.
"""

import asyncio
import contextlib
import functools
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from aiohttp import BasicAuth, web
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeyParameters, RSAKey
from service_runtime.listen import Listen, serve_app
from service_runtime.tls import TlsFiles


@functools.cache
def first_key() -> RSAKey:
    """The key that every issuer begins with: making one takes a good part of a second."""
    return RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


Mode = Literal["ok", "fail", "hang", "garbage", "empty", "huge", "redirect"]


@dataclass(frozen=True)
class TokenRequest:
    """What arrived at the token endpoint."""

    form: dict[str, str]
    basic: tuple[str, str] | None


@dataclass
class FakeIssuer:
    """Serves discovery, keys and tokens at `url`; `mode` is how discovery and keys are answered, `token_mode` the rest."""

    url: str = ""
    mode: Mode = "ok"
    token_mode: Mode = "ok"
    advertised: str | None = None
    """The issuer that discovery names, if not the real one."""
    published: list[Key] = field(default_factory=list)
    signing: Key = field(default_factory=first_key)
    fetches: dict[str, int] = field(default_factory=lambda: {"discovery": 0, "keys": 0, "token": 0, "elsewhere": 0})
    token_requests: list[TokenRequest] = field(default_factory=list)
    reply: Callable[[TokenRequest], tuple[int, Mapping[str, Any]]] | None = None
    """What the token endpoint answers: status and fields."""
    retry_after: str | None = None
    """The Retry-After header of the token endpoint's replies."""
    reply_format: Literal["json", "form"] = "json"

    def __post_init__(self) -> None:
        self.published.append(self.signing)

    def rotate(self, kid: str, *, keep_old: bool = False, curve: str | None = None) -> None:
        """Sign with a new key from now on, and publish it."""
        options: KeyParameters = {"kid": kid, "use": "sig"}
        self.signing = ECKey.generate_key(curve, options) if curve else RSAKey.generate_key(2048, options)
        self.published = [*(self.published if keep_old else []), self.signing]

    def token(self, header: Mapping[str, Any] | None = None, key: Key | None = None, **claims: Any) -> str:
        """A token like those of INDIGO IAM's WLCG profile; a claim given as None is left out."""
        now = int(time.time())
        usual = {
            "wlcg.ver": "1.0",
            "iss": self.url,
            "sub": "client-a",
            "client_id": "client-a",
            "aud": "edge",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": str(uuid.uuid4()),
            "wlcg.groups": ["/highrate/edge"],
        }
        key = key or self.signing
        algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519", "oct": "HS256"}[key.key_type]
        content = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        fields = {"alg": algorithm, "kid": key.get("kid"), **(header or {})}
        return jwt.encode(
            {k: v for k, v in fields.items() if v is not None}, content, key, algorithms=[str(fields["alg"])]
        )

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/jwk", self._keys)
        app.router.add_post("/token", self._token)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        return app

    async def _discovery(self, _request: web.Request) -> web.StreamResponse:
        self.fetches["discovery"] += 1
        issuer = self.advertised or self.url
        base = self.url.removesuffix("/")
        document = {"issuer": issuer, "jwks_uri": f"{base}/jwk", "token_endpoint": f"{base}/token"}
        return await _as(self.mode, web.json_response(document))

    async def _keys(self, _request: web.Request) -> web.StreamResponse:
        self.fetches["keys"] += 1
        keys = [key.as_dict(private=False) for key in self.published if key.key_type != "oct"]
        return await _as(self.mode, web.json_response({"keys": keys}))

    async def _elsewhere(self, _request: web.Request) -> web.StreamResponse:
        """Where redirects lead."""
        self.fetches["elsewhere"] += 1
        return web.Response()

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.fetches["token"] += 1
        form = {name: str(value) for name, value in (await request.post()).items()}
        header = request.headers.get("Authorization")
        basic = BasicAuth.decode(header) if header else None
        asked = TokenRequest(form, (basic.login, basic.password) if basic else None)
        self.token_requests.append(asked)
        status, fields = self.reply(asked) if self.reply else (200, self.grant(asked))
        if self.reply_format == "form":
            made = web.Response(status=status, text=urlencode(fields), content_type="application/x-www-form-urlencoded")
        else:
            made = web.json_response(fields, status=status)
        reply = await _as(self.token_mode, made)
        if self.retry_after is not None:
            reply.headers["Retry-After"] = self.retry_after
        return reply

    def grant(self, asked: TokenRequest, **claims: Any) -> dict[str, Any]:
        """A successful reply: a token for the audience and scope that were asked for."""
        asked_for = {"aud": asked.form.get("audience", "edge"), "scope": asked.form.get("scope")}
        text = self.token(**{**asked_for, **claims})
        return {"access_token": text, "token_type": "Bearer", "expires_in": 600}


async def _as(mode: Mode, usual: web.Response) -> web.StreamResponse:
    match mode:
        case "ok":
            return usual
        case "fail":
            return web.Response(status=500, text="out of order")
        case "hang":
            await asyncio.sleep(60)
            return usual
        case "garbage":
            return web.Response(text="<html>not json", content_type="application/json")
        case "empty":
            return web.Response(text=json.dumps({"keys": []}), content_type="application/json")
        case "huge":
            return web.Response(text=" " * (2 * 1024 * 1024) + "{}", content_type="application/json")
        case "redirect":
            raise web.HTTPFound("/elsewhere")


@contextlib.asynccontextmanager
async def running(issuer: FakeIssuer, tls: TlsFiles | None = None, port: int = 0) -> AsyncIterator[FakeIssuer]:
    """Serve `issuer` on this machine and set its `url`, which ends in a slash as INDIGO IAM's does."""
    scheme = "https" if tls else "http"
    async with serve_app(issuer.app(), Listen.parse(f"{scheme}://127.0.0.1:{port}"), tls, drain_seconds=0.1) as bound:
        assert bound is not None
        issuer.url = f"{scheme}://127.0.0.1:{bound[1]}/"
        yield issuer
