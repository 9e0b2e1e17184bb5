"""Fetches an issuer's published keys: OpenID discovery first, unless the configuration names their address."""

import asyncio
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from joserfc.jwk import Key
from service_runtime.http_client import HttpClient, client_ssl_context

from oauth2_proxy.core.claims import same_issuer
from oauth2_proxy.core.keys import UnusableKeys, import_keys
from oauth2_proxy.core.printable import printable
from oauth2_proxy.model.settings import Issuer, is_loopback

LONGEST_DOCUMENT = 512 * 1024


class IssuerUnavailable(Exception):
    """The issuer can't be reached, or what it answers is no set of keys; the text says which."""


async def fetch_keys(issuer: Issuer, deadline: float) -> tuple[Key, ...]:
    """The keys that `issuer` publishes now; takes at most `deadline` seconds. Raises IssuerUnavailable."""
    try:
        async with asyncio.timeout(deadline):
            # made anew each time: the authority's file may have been replaced since
            context = client_ssl_context(issuer.ca_file)
            keys_url = issuer.keys_url or await _discover(issuer, context)
            return import_keys(await _document(keys_url, context))
    except TimeoutError as error:
        raise IssuerUnavailable(f"no answer within {deadline:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError, RecursionError, UnusableKeys) as error:
        raise IssuerUnavailable(f"{type(error).__name__}: {error}") from error


async def _discover(issuer: Issuer, context: ssl.SSLContext) -> str:
    """The address of the keys (OpenID Connect Discovery 1.0, sections 4.1 and 4.3)."""
    url = issuer.issuer.removesuffix("/") + "/.well-known/openid-configuration"
    document = await _document(url, context)
    described = document.get("issuer") if isinstance(document, dict) else None
    if not isinstance(described, str) or not same_issuer(described, issuer.issuer):
        raise ValueError(f"{url} describes another issuer: {printable(described)}")
    keys_url = document.get("jwks_uri")
    parts = urlsplit(keys_url) if isinstance(keys_url, str) else None
    if parts is None or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))):
        raise ValueError(f"{url} names no https address of keys: {printable(keys_url)}")
    return parts.geturl()


async def _document(url: str, context: ssl.SSLContext) -> Any:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    async with (
        HttpClient(f"{parts.scheme}://{parts.netloc}", ssl_context=context) as client,
        client.request("GET", path, headers={"Accept": "application/json"}) as response,
    ):
        if response.status != 200:
            raise ValueError(f"{url} answers {response.status}")
        text = b""
        async for piece in response.content.iter_any():
            text += piece
            if len(text) > LONGEST_DOCUMENT:
                raise ValueError(f"{url} is longer than {LONGEST_DOCUMENT} bytes")
        return json.loads(text)
