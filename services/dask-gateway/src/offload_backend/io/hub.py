"""Asks the hub whether users still have a server."""

import json
from pathlib import Path
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

    async def has_server(self, user: str) -> bool | None:
        """Whether a server of `user` runs or starts; None where the hub doesn't say."""
        try:
            headers = {"Authorization": f"token {read_token(self._token_file)}", "Accept": "application/json"}
            async with self.client.request("GET", f"/users/{quote(user, safe='')}", headers=headers) as response:
                metrics.HUB_REQUESTS.labels(response.status).inc()
                if response.status == 404:
                    return False
                if response.status != 200:
                    log.warning("hub.refused", status=response.status)
                    return None
                return _servers(json.loads(await read_limited(response)))
        except (aiohttp.ClientError, TimeoutError, OSError, IssuerError, ValueError, RecursionError) as error:
            metrics.HUB_REQUESTS.labels("none").inc()
            # not the text of what isn't JSON: it may quote what the hub holds of a user
            log.warning("hub.unread", error=type(error).__name__)
            return None


def _servers(model: object) -> bool | None:
    """JupyterHub lists only servers that run or are on their way, and leaves the key out for whom may not see them."""
    servers = model.get("servers") if isinstance(model, dict) else None
    if not isinstance(servers, dict):
        log.warning("hub.no_servers", hint="the gateway's role lacks the scope read:servers")
        return None
    return any(isinstance(s, dict) and not s.get("stopped", False) for s in servers.values())
