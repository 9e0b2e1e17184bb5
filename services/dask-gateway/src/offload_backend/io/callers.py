"""Asks the hub whose a token is."""

import json
from typing import Any

import aiohttp
from service_runtime.http_client import Deadlines, HttpClient
from service_runtime.openid import IssuerError, read_limited

from offload_backend.core.caller import Caller, caller
from offload_backend.model.refusal import HubUnavailable

_DEADLINES = Deadlines(connect=5, first_byte=15, total=20)
_CONNECTIONS = 20


class Callers:
    """The hub's REST API, with the tokens of others."""

    def __init__(self, url: str) -> None:
        self.client = HttpClient(url, deadlines=_DEADLINES, connections=_CONNECTIONS)

    async def whose(self, token: str) -> Caller:
        """The user whose server's `token` it is. The hub renews the user's login on this occasion, where it is due.

        Raises CallerRefused, HubUnavailable.
        """
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        try:
            async with self.client.request("GET", "/user", headers=headers) as response:
                status = response.status
                text = await read_limited(response) if status == 200 else b"null"
            model: Any = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, OSError, IssuerError) as error:
            raise HubUnavailable(f"GET /user: {type(error).__name__}") from error
        except (ValueError, RecursionError):
            # not from the error: its text may quote what the hub holds of a user
            raise HubUnavailable("GET /user is no JSON") from None
        return caller(status, model)
