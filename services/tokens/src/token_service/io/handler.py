"""The two calls: a token, and which profiles there are."""

from aiohttp import web
from service_runtime.logs import get_logger

from token_service import metrics
from token_service.core.authorization import hub_token
from token_service.core.profile import chosen
from token_service.io.answer import CALLER, answer
from token_service.io.hub import Hub
from token_service.io.mint import Mint
from token_service.io.rate_limit import RateLimit
from token_service.model.refusal import Refusal
from token_service.model.settings import Settings

log = get_logger(__name__)


class Handler:
    """Handles the calls of one application."""

    def __init__(self, settings: Settings, hub: Hub, mint: Mint) -> None:
        self._settings = settings
        self._hub = hub
        self._mint = mint
        limits = settings.limits
        self._users = RateLimit("user", limits.per_minute, limits.burst, limits.users)
        self._addresses = RateLimit("address", limits.address_per_minute, limits.address_burst, limits.addresses)

    async def token(self, request: web.Request) -> web.Response:
        """`GET /v1/token?profile=NAME`."""
        user = await self._caller(request)
        asked = request.query.getall("profile", [])
        profile = chosen(asked, self._settings.profiles, self._settings.default_profile)
        # asked at every call, also for a token that is kept: a login that has ended gets none
        login = await self._hub.login(user)
        granted, source = await self._mint.token(login, profile)
        metrics.tokens.labels(profile, source).inc()
        log.info("token.given", user=user, profile=profile, source=source, expires_at=round(granted.expires_at))
        return answer(
            200,
            {
                "access_token": granted.token,
                "token_type": "Bearer",
                "profile": profile,
                "scope": " ".join(granted.scope),
                "audience": " ".join(self._settings.profiles[profile].audience),
                "expires_at": int(granted.expires_at),
            },
        )

    async def profiles(self, request: web.Request) -> web.Response:
        """`GET /v1/profiles`."""
        await self._caller(request)
        known = [
            {"name": name, "description": profile.description}
            for name, profile in sorted(self._settings.profiles.items())
        ]
        return answer(200, {"default": self._settings.default_profile, "profiles": known})

    async def _caller(self, request: web.Request) -> str:
        """The user who calls. The hub isn't asked for an address whose calls lead to nobody. Raises Refusal."""
        # of the connection: whoever calls writes X-Forwarded-For
        address = request.remote or ""
        self._addresses.check(address)
        try:
            user = await self._hub.caller(hub_token(request.headers.getall("Authorization", ())))
        except Refusal as refusal:
            if refusal.outcome.status != 401:
                # the hub's trouble, which is no fault of whoever calls
                self._addresses.give_back(address)
            raise
        request[CALLER] = user
        # one too many stays on the address's account: the hub had to say whose it is, and nothing else limits that
        self._users.check(user)
        # many users may be behind one address: a service mesh, a NAT
        self._addresses.give_back(address)
        return user
