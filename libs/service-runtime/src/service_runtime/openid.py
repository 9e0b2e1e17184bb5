"""OpenID issuers: which addresses may be trusted, and what an issuer says of itself (OpenID Connect Discovery 1.0)."""

import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from service_runtime.authorities import Authorities
from service_runtime.http_client import HttpClient

LONGEST_DOCUMENT = 512 * 1024


class IssuerError(Exception):
    """An issuer can't be reached, or says what can't be used; the text tells which."""


def is_loopback(host: str) -> bool:
    """Whether calls to `host` never leave this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def trusted_url(value: str) -> str:
    """`value` if keys, tokens and secrets may travel to and from it: https, or http on this machine (for tests).

    Raises ValueError.
    """
    parts = urlsplit(value)
    if not parts.hostname or parts.fragment or parts.username:
        raise ValueError(f'"{value}" is no address: use https://host[:port][/path]')
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError(f'"{value}" must be https (plain http only on this machine, for tests)')
    return value


def same_issuer(one: str, other: str) -> bool:
    """Whether two issuers are one. INDIGO IAM advertises its issuer with a trailing slash, whatever `iss` has."""
    return one.removesuffix("/") == other.removesuffix("/")


async def discover(issuer: str, authorities: Authorities) -> dict[str, Any]:
    """What `issuer` says of itself. Raises IssuerError, also if it is another issuer that is described."""
    url = issuer.removesuffix("/") + "/.well-known/openid-configuration"
    document = await fetch_json(url, authorities)
    described = document.get("issuer") if isinstance(document, dict) else None
    if not isinstance(described, str) or not same_issuer(described, issuer):
        raise IssuerError(f"{url} describes another issuer: {described!r:.200}")
    return dict(document)


def endpoint(description: dict[str, Any], name: str) -> str:
    """The address called `name` (`jwks_uri`, `token_endpoint`) in what `discover` gave. Raises IssuerError."""
    value = description.get(name)
    try:
        return trusted_url(value if isinstance(value, str) else "")
    except ValueError as error:
        raise IssuerError(f"{description['issuer']} names no usable {name}: {error}") from error


async def fetch_json(url: str, authorities: Authorities) -> Any:
    """The JSON document at `url`, of a server that `authorities` know. Raises IssuerError."""
    try:
        async with (
            connect(url, authorities) as client,
            client.request("GET", target(url), headers={"Accept": "application/json"}) as response,
        ):
            if response.status != 200:
                raise IssuerError(f"{url} answers {response.status}")
            return json.loads(await read_limited(response))
    except TimeoutError as error:
        raise IssuerError(f"{url} does not answer") from error
    except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
        raise IssuerError(f"{url}: {type(error).__name__}: {error}") from error


async def read_limited(response: aiohttp.ClientResponse, longest: int = LONGEST_DOCUMENT) -> bytes:
    """The body of `response`. Raises IssuerError if it is longer than `longest` bytes."""
    text = b""
    async for piece in response.content.iter_any():
        text += piece
        if len(text) > longest:
            raise IssuerError(f"{response.url.host} answers with more than {longest} bytes")
    return text


@contextlib.asynccontextmanager
async def connect(url: str, authorities: Authorities) -> AsyncIterator[HttpClient]:
    """A client for the server of `url`. Raises OSError if the authorities can't be read."""
    parts = urlsplit(url)
    context = await authorities.context() if parts.scheme == "https" else None
    async with HttpClient(f"{parts.scheme}://{parts.netloc}", ssl_context=context) as client:
        yield client


def target(url: str) -> str:
    """Path and query of `url`."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
