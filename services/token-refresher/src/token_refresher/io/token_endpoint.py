"""Asks an issuer for a token."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
from service_runtime.authorities import Authorities
from service_runtime.files import read_token
from service_runtime.http_client import retry_after
from service_runtime.openid import IssuerError, connect, discover, endpoint, read_limited, target

from token_refresher.core.reply import read_reply
from token_refresher.core.request import token_request
from token_refresher.model.granted import Granted, RefreshFailed
from token_refresher.model.settings import Token


async def ask(settings: Token, refresh_token: str | None, now: Callable[[], float]) -> Granted:
    """One attempt to get the token, by `refresh_token` or by the client's credentials. Raises RefreshFailed."""
    secret = _secret(settings.client_secret_file)
    try:
        async with asyncio.timeout(settings.deadline):
            return await _post(settings, await _endpoint(settings), secret, refresh_token, now)
    except TimeoutError as error:
        raise RefreshFailed(f"no answer within {settings.deadline:g} s") from error
    except (aiohttp.ClientError, OSError, UnicodeError) as error:
        raise RefreshFailed(f"{type(error).__name__}: {error}") from error
    except IssuerError as error:
        raise RefreshFailed(str(error)) from error


async def _endpoint(settings: Token) -> str:
    if settings.token_endpoint is not None:
        return settings.token_endpoint
    assert settings.issuer is not None, "the settings have one of the two"
    return endpoint(await discover(settings.issuer, Authorities(settings.ca_file)), "token_endpoint")


async def _post(
    settings: Token, url: str, secret: str | None, refresh_token: str | None, now: Callable[[], float]
) -> Granted:
    request = token_request(settings, secret, refresh_token)
    async with (
        connect(url, Authorities(settings.ca_file)) as client,
        client.request("POST", target(url), headers=request.headers, data=request.body) as response,
    ):
        body = (await read_limited(response)).decode("utf-8", "replace")
        try:
            return read_reply(response.status, body, settings, now(), [secret or "", refresh_token or ""])
        except RefreshFailed as error:
            error.retry_after = retry_after(response.headers.get("Retry-After", ""))
            raise


def _secret(file: Path | None) -> str | None:
    """Read at each attempt: administrators replace secrets while we run."""
    if file is None:
        return None
    secret = read_secret(file)
    if not secret:
        raise RefreshFailed(f"{file} is empty")
    return secret


def read_secret(file: Path) -> str:
    """The content of `file` without surrounding white space. Raises RefreshFailed."""
    try:
        return read_token(file)
    except OSError as error:
        raise RefreshFailed(f"{file} can't be read: {error.strerror}") from error
