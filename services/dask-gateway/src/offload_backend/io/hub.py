"""Asks the hub which servers users have, and tells it that they are at work: the hub sees no work that no kernel does."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from service_runtime.files import read_token
from service_runtime.http_client import Deadlines, HttpClient
from service_runtime.logs import get_logger
from service_runtime.openid import IssuerError, read_limited

from offload_backend import metrics

_DEADLINES = Deadlines(connect=5, first_byte=15, total=20)

log = get_logger(__name__)


class Hub:
    """The hub's REST API with the gateway's own token, which is read at each call."""

    def __init__(self, url: str, token_file: Path) -> None:
        self._token_file = token_file
        self.client = HttpClient(url, deadlines=_DEADLINES, connections=4)

    async def servers(self, user: str) -> list[str] | None:
        """Names of the servers of `user` that run or start; None where the hub doesn't say."""
        status, text = await self._call("GET", f"/users/{quote(user, safe='')}")
        if status == 404:
            return []
        return _servers(text) if status == 200 else None

    async def keep_active(self, user: str, servers: Iterable[str], now: datetime) -> None:
        """Set the time of last activity that the hub's culler goes by. Where the hub takes nothing, nothing happens."""
        stamp = now.isoformat()
        body = {"last_activity": stamp, "servers": {name: {"last_activity": stamp} for name in servers}}
        await self._call("POST", f"/users/{quote(user, safe='')}/activity", body)

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int | None, bytes]:
        """Status and text of the hub's answer; no status where there is none."""
        try:
            token = read_token(self._token_file)
            headers = {
                "Authorization": f"token {token}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            }
            data = None if body is None else json.dumps(body).encode()
            async with self.client.request(method, path, headers=headers, data=data) as response:
                metrics.HUB_REQUESTS.labels(response.status).inc()
                if response.status not in (200, 404):
                    log.warning("hub.refused", method=method, status=response.status)
                return response.status, await read_limited(response)
        except (aiohttp.ClientError, TimeoutError, OSError, IssuerError) as error:
            metrics.HUB_REQUESTS.labels("none").inc()
            log.warning("hub.unread", error=type(error).__name__)
            return None, b""


def _servers(text: bytes) -> list[str] | None:
    """JupyterHub lists only servers that run or are on their way, and leaves the key out for whom may not see them."""
    try:
        model = json.loads(text)
    except (ValueError, RecursionError):
        # not the text of what isn't JSON: it may quote what the hub holds of a user
        log.warning("hub.unread", error="no JSON")
        return None
    servers = model.get("servers") if isinstance(model, dict) else None
    if not isinstance(servers, dict):
        log.warning("hub.no_servers", hint="the gateway's role lacks the scope read:servers")
        return None
    return [name for name, s in servers.items() if isinstance(s, dict) and not s.get("stopped", False)]
