"""Fetches an issuer's published keys: OpenID discovery first, unless the configuration names their address."""

import asyncio

from joserfc.jwk import Key
from service_runtime.authorities import Authorities
from service_runtime.openid import IssuerError, discover, endpoint, fetch_json

from oauth2_proxy.core.keys import UnusableKeys, import_keys
from oauth2_proxy.model.settings import Issuer


async def fetch_keys(issuer: Issuer, deadline: float) -> tuple[Key, ...]:
    """The keys that `issuer` publishes now; takes at most `deadline` seconds. Raises IssuerError."""
    authorities = Authorities(issuer.ca_file)
    try:
        async with asyncio.timeout(deadline):
            url = issuer.keys_url or endpoint(await discover(issuer.issuer, authorities), "jwks_uri")
            return import_keys(await fetch_json(url, authorities))
    except TimeoutError as error:
        raise IssuerError(f"no answer within {deadline:g} s") from error
    except UnusableKeys as error:
        raise IssuerError(str(error)) from error
