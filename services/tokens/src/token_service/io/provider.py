"""Asks the provider for a narrowed token."""

import asyncio
import time
from collections.abc import Callable

import aiohttp
from service_runtime.authorities import Authorities
from service_runtime.files import read_token
from service_runtime.http_client import retry_after
from service_runtime.logs import get_logger
from service_runtime.openid import IssuerError, connect, discover, endpoint, read_limited, target

from token_service import metrics
from token_service.core.grant import ADMINISTRATORS, grant_request, read_grant
from token_service.model.login import Granted, Login
from token_service.model.refusal import Outcome, Refusal
from token_service.model.settings import Issuer, Profile

DISCOVERED_FOR = 600.0
DISCOVERED_ANEW_AFTER = 60.0  # where that failed: whoever waits for it gets their token later

log = get_logger(__name__)


class Provider:
    """The token endpoint of one issuer."""

    def __init__(self, settings: Issuer, deadline: float, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._authorities = Authorities(settings.ca_file)
        self._deadline = deadline
        self._clock = clock
        self._endpoint = ""
        self._discover_at = float("-inf")
        self._discovering = asyncio.Lock()

    async def refresh(self, login: Login, profile: Profile) -> Granted:
        """A token of `login` for `profile`. Raises Refusal."""
        try:
            with metrics.provider_seconds.time():
                granted = await self._refresh(login, profile)
        except Refusal as refusal:
            metrics.provider_requests.labels(refusal.outcome).inc()
            raise
        metrics.provider_requests.labels(Outcome.OK).inc()
        return granted

    async def _refresh(self, login: Login, profile: Profile) -> Granted:
        secret = self._secret()
        try:
            async with asyncio.timeout(self._deadline):
                return await self._post(await self._token_endpoint(), secret, login, profile)
        except TimeoutError as error:
            raise _unavailable(f"no answer within {self._deadline:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unavailable(f"{type(error).__name__}: {error}") from error
        except IssuerError as error:
            raise _unavailable(str(error)) from error

    async def _post(self, url: str, secret: str, login: Login, profile: Profile) -> Granted:
        request = grant_request(self._settings, secret, login, profile)
        async with (
            connect(url, self._authorities) as client,
            client.request("POST", target(url), headers=request.headers, data=request.body) as response,
        ):
            body = (await read_limited(response)).decode("utf-8", "replace")
            try:
                sent = [secret, login.refresh_token]
                return read_grant(response.status, body, login, profile, now=self._clock(), secrets=sent)
            except Refusal as refusal:
                asked = retry_after(response.headers.get("Retry-After", ""))
                refusal.retry_after = max(refusal.retry_after, asked)
                raise

    async def _token_endpoint(self) -> str:
        """Discovered again now and then; while that fails, what was found before serves."""
        async with self._discovering:
            if not self._endpoint or time.monotonic() >= self._discover_at:
                try:
                    # half of the deadline: the rest is for the token, at the address that is known already
                    async with asyncio.timeout(self._deadline / 2):
                        description = await discover(self._settings.url, self._authorities)
                    self._endpoint = endpoint(description, "token_endpoint")
                    self._discover_at = time.monotonic() + DISCOVERED_FOR
                except (IssuerError, TimeoutError) as error:
                    reason = str(error) or f"{self._settings.url} doesn't say in time where its token endpoint is"
                    if not self._endpoint:
                        raise IssuerError(reason) from error
                    self._discover_at = time.monotonic() + DISCOVERED_ANEW_AFTER
                    log.warning("provider.not_discovered", serves=self._endpoint, reason=reason)
            return self._endpoint

    def _secret(self) -> str:
        """Read at each use: administrators replace secrets while we run."""
        file = self._settings.client_secret_file
        try:
            secret = read_token(file)
            problem = "" if secret else f"{file} is empty"
        except OSError as error:
            secret, problem = "", f"{file} can't be read: {error.strerror}"
        if problem:
            message = f"The token service can't ask the login service. {ADMINISTRATORS}"
            raise Refusal(Outcome.MISCONFIGURED, message, reason=problem, retry_after=60)
        return secret


def _unavailable(reason: str) -> Refusal:
    return Refusal(
        Outcome.PROVIDER_UNAVAILABLE, "The login service can't be asked now. Try again in a moment.", reason=reason
    )
