"""The gate: the verdict on a call, fetching an issuer's keys again where a token was signed with an unknown one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from oauth2_proxy.core.bearer import Unverified
from oauth2_proxy.core.gate import admit, identify
from oauth2_proxy.core.keys import fitting_keys, verified_claims
from oauth2_proxy.core.printable import printable
from oauth2_proxy.io.key_cache import KeyCache
from oauth2_proxy.model.settings import Issuer
from oauth2_proxy.model.verdict import Caller, Denied, Outcome


class Gate:
    """Decides who may pass. `caches` has the keys of each issuer by its configured name."""

    def __init__(self, issuers: Sequence[Issuer], caches: Mapping[str, KeyCache], longest_token: int) -> None:
        self._issuers = issuers
        self._caches = caches
        self._longest_token = longest_token

    async def judge(self, authorization: Sequence[str]) -> Caller | Denied:
        """The verdict on a call with these Authorization headers, as of now."""
        found = identify(authorization, self._issuers, self._longest_token)
        if isinstance(found, Denied):
            return found
        token, issuer = found
        claims = await self._verify(token, self._caches[issuer.issuer])
        return claims if isinstance(claims, Denied) else admit(claims, issuer, int(time.time()))

    async def _verify(self, token: Unverified, cache: KeyCache) -> dict[str, Any] | Denied:
        claims = verified_claims(token, fitting_keys(cache.keys, token))
        if claims is None:
            # also for a known kid: an issuer that was set up anew may have kept its names
            await cache.renew()
            claims = verified_claims(token, fitting_keys(cache.keys, token))
        if claims is not None:
            return claims
        if fitting_keys(cache.keys, token):
            return Denied(Outcome.SIGNATURE, f"no key of {cache.issuer} made the signature")
        named = f"{cache.issuer} has no {token.algorithm} key named {printable(token.key_id)}"
        if cache.failure is not None:
            # it may have one by now: that is not the caller's fault, so it is told to come back
            return Denied(Outcome.KEYS_UNAVAILABLE, f"{named}, and can't be asked: {cache.failure}")
        return Denied(Outcome.UNKNOWN_KEY, named)

    def unready(self) -> str | None:
        """Why nobody could be let in now; None as soon as the keys of one issuer are there."""
        if any(cache.keys for cache in self._caches.values()):
            return None
        return "; ".join(f"{cache.issuer}: {cache.failure}" for cache in self._caches.values())
