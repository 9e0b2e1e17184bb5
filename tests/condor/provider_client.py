"""A browser's and a client's view of the identity provider, reached by address under its own name."""

import base64
import hashlib
import http.client
import json
import secrets
import socket
import ssl
import urllib.parse
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from devcluster.addresses import IAM_NAME
from devcluster.hub_address import CALLBACK
from devcluster.iam import registry
from devcluster.site.access import Site


@dataclass
class Reply:
    status: int
    location: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ProviderClient:
    """One browser (its cookies) or one service."""

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)

    def call(self, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> Reply:
        context = ssl.create_default_context(cafile=self.site.ca_file)
        raw = socket.create_connection((str(self.site.network.plan.hub), registry.PORT), timeout=10)
        connection = http.client.HTTPConnection(f"{IAM_NAME}:{registry.PORT}", timeout=10)
        connection.sock = context.wrap_socket(raw, server_hostname=IAM_NAME)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **(headers or {})}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = urllib.parse.urlencode(form) if form is not None else None
        connection.request("GET" if form is None else "POST", path, body, sent)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        reply = Reply(answer.status, answer.headers.get("Location", ""), answer.read())
        connection.close()
        return reply

    def as_client(self, path: str, client: str, **form: str) -> Reply:
        """A POST with the client's id and secret (HTTP Basic)."""
        pair = f"{client}:{self.site.secrets.clients[client]}".encode()
        return self.call(path, form, {"Authorization": "Basic " + base64.b64encode(pair).decode()})

    def log_in(self, username: str, password: str, scope: str, **more: str) -> tuple[Reply, str]:
        """The authorization code flow with PKCE, as a browser goes it; the last reply and the code verifier."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        wish = {
            "client_id": registry.HUB,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": scope,
            "state": "s",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        reply = self.call(f"/authorize?{urllib.parse.urlencode(wish)}")
        return self.follow(reply, username, password), verifier

    def follow(self, reply: Reply, username: str, password: str) -> Reply:
        """Go where the provider sends the browser, filling in the login form, until it leaves the provider."""
        for _ in range(12):
            target = urllib.parse.urlsplit(urllib.parse.urljoin(registry.ISSUER, reply.location))
            if reply.status not in (302, 303) or target.hostname != IAM_NAME:
                return reply
            path = f"{target.path}?{target.query}" if target.query else target.path
            reply = self.call(path)
            if b'name="password"' in reply.body:
                reply = self.call(path, {"username": username, "password": password})
        raise AssertionError("the provider sends its visitors in circles")


def claims(token: str) -> dict[str, Any]:
    """A token's content, unverified."""
    body = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return decoded


def query_of(location: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
