"""Asking the provider for a service's token, as the services themselves do."""

import base64
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 10.0


class TokenRefused(Exception):
    """The provider answered, but gave no token; the text is its own."""


@dataclass(frozen=True)
class TokenEndpoint:
    """The provider as the host reaches it: by address, with the platform's authority."""

    base: str
    ca_file: Path

    def healthy(self) -> bool:
        try:
            with self._open("healthz") as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def client_credentials(self, client: str, secret: str, audience: str = "", scope: str = "") -> str:
        """An access token of the service itself. Raises TokenRefused, OSError."""
        wish = {"grant_type": "client_credentials", "audience": audience, "scope": scope}
        body = urllib.parse.urlencode({name: value for name, value in wish.items() if value}).encode()
        halves = f"{urllib.parse.quote(client, safe='')}:{urllib.parse.quote(secret, safe='')}"
        headers = {"Authorization": "Basic " + base64.b64encode(halves.encode()).decode()}
        try:
            with self._open("token", body, headers) as reply:
                return str(json.load(reply)["access_token"])
        except urllib.error.HTTPError as problem:
            raise TokenRefused(problem.read().decode(errors="replace")) from problem

    def _open(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        context = ssl.create_default_context(cafile=self.ca_file)
        request = urllib.request.Request(self.base + path, body, headers or {})  # noqa: S310 - always https
        return urllib.request.urlopen(request, timeout=SECONDS, context=context)  # noqa: S310
