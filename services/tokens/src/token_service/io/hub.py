"""Asks the hub who calls, and for the login of that user."""

import json
from typing import Any
from urllib.parse import quote

import aiohttp
from service_runtime.files import read_token
from service_runtime.http_client import Deadlines, HttpClient
from service_runtime.openid import IssuerError, read_limited

from token_service import metrics
from token_service.core import hub_answers
from token_service.core.hub_answers import HUB_RETRY_SECONDS
from token_service.model.login import Login
from token_service.model.refusal import Outcome, Refusal
from token_service.model.settings import Hub as HubSettings


class Hub:
    """The hub's REST API. No answer of it is remembered: a login, a logout, a closed account, or a group that was taken
    away counts from the next call on."""

    def __init__(self, settings: HubSettings, deadline: float, connections: int) -> None:
        self._token_file = settings.token_file
        deadlines = Deadlines(connect=min(5.0, deadline), first_byte=deadline, total=deadline)
        self.client = HttpClient(settings.url, deadlines=deadlines, connections=connections)

    async def caller(self, token: str) -> str:
        """The user whose server's `token` it is. The hub renews the user's login on this occasion, where it is due.

        Raises Refusal.
        """
        status, model = await self._get("/user", token)
        if status in (401, 403):
            raise Refusal(
                Outcome.HUB_TOKEN_REFUSED,
                "The hub doesn't accept the token: the login has ended, or the server that it was made for. "
                "Log in to the hub again, and start a new server if that doesn't help.",
                reason=f"GET /user answers {status}",
            )
        if status != 200:
            raise _unavailable(f"GET /user answers {status}")
        return hub_answers.caller(model)

    async def login(self, user: str) -> Login:
        """What the hub holds of the login of `user`. Raises Refusal."""
        status, model = await self._get(f"/users/{quote(user, safe='')}", self._own_token())
        if status == 404:
            raise Refusal(
                Outcome.LOGIN_ENDED,
                f"The hub doesn't know this user any more. {hub_answers.LOG_IN_AGAIN}",
                reason="GET /users/NAME answers 404",
            )
        if status in (401, 403):
            raise _forbidden(f"GET /users/NAME answers {status}: is {self._token_file} the token of this service?")
        if status != 200:
            raise _unavailable(f"GET /users/NAME answers {status}")
        return hub_answers.login(model, user)

    async def _get(self, path: str, token: str) -> tuple[int, Any]:
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        try:
            async with self.client.request("GET", path, headers=headers) as response:
                metrics.hub_requests.labels(response.status).inc()
                text = await read_limited(response) if response.status == 200 else b"null"
                return response.status, json.loads(text)
        except TimeoutError as error:
            metrics.hub_requests.labels("none").inc()
            raise _unavailable("no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            metrics.hub_requests.labels("none").inc()
            raise _unavailable(f"{type(error).__name__}: {error}") from error
        except IssuerError as error:
            raise _unavailable(str(error)) from error
        except (ValueError, RecursionError):
            # not from the error: its text may quote what is half a login
            raise _unavailable("an answer that is no JSON") from None

    def _own_token(self) -> str:
        """Read at each call: the chart may give a new one while we run."""
        try:
            token = read_token(self._token_file)
        except OSError as error:
            raise _forbidden(f"{self._token_file} can't be read: {error.strerror}") from error
        if not token:
            raise _forbidden(f"{self._token_file} is empty")
        return token


def _unavailable(reason: str) -> Refusal:
    return Refusal(
        Outcome.HUB_UNAVAILABLE,
        "The hub can't be asked now. Try again in a moment.",
        reason=reason,
        retry_after=HUB_RETRY_SECONDS,
    )


def _forbidden(reason: str) -> Refusal:
    return Refusal(
        Outcome.MISCONFIGURED,
        "The token service may not see logins. This is for the platform's administrators to mend.",
        reason=reason,
        retry_after=60,
    )
