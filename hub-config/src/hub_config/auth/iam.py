"""Login with an INDIGO IAM, or any OpenID provider with groups.

Who may come in is decided at login and again at every look at the login (`refresh_user`), which JupyterHub by itself doesn't. The
base classes do the protocol (authorization code, PKCE, state) and the requests; here is who is let in, and stays in.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from tornado import web
from traitlets import Integer

from hub_config.auth import gate
from hub_config.auth.client import IAMClient
from hub_config.auth.login import LoginHandler
from hub_config.auth.login_state import ENDED_AT, SUBJECT, emptied, ended_at, subject
from hub_config.auth.logins import Logins
from hub_config.auth.logout import RevokingLogoutHandler
from hub_config.auth.metrics import LOGINS, LOOKS
from hub_config.auth.provider import Denied, Misconfigured, Unreachable
from hub_config.auth.refresh import Outcome, SingleFlight, expires_at, renewal_due
from hub_config.auth.refused import NotAMember, SomebodyElse
from hub_config.pages.links import HANDLERS

# Kubernetes objects are named after slugs of it, which are free of collisions; this keeps the rest readable.
_USERNAME = r"^[a-z0-9][a-z0-9._@-]{0,62}\Z"


T = TypeVar("T")


class Look(NamedTuple):
    """What a look at a login found; `model` (JupyterHub's) where it is valid and of the present login."""

    outcome: Outcome
    model: dict[str, Any] | None = None
    since: float = 0.0
    """Since when a login is needed, in Unix seconds."""


class Verdict(NamedTuple):
    outcome: Outcome
    since: float


class IAMAuthenticator(IAMClient):
    callback_handler = LoginHandler
    logout_handler = RevokingLogoutHandler

    refresh_margin = Integer(300, config=True, help="Access tokens are renewed that many seconds before they end.")
    groups_max_age = Integer(
        600,
        config=True,
        help="""A login is renewed after that many seconds, so that groups given or taken away have an effect. On IAM, switch
        off "clear access tokens on refresh" for the client, or tokens in use end with it.""",
    )
    outage_grace = Integer(
        86400,
        config=True,
        help="While the provider can't be asked, a login stays valid that many seconds beyond the access token's end.",
    )
    servers_without_login = Integer(
        86400,
        config=True,
        help="""Servers of somebody whose login can't be renewed (logged out, account closed) are stopped that many seconds
        after the login's end, however often the hub restarts; those of somebody whom the gate refuses at once.""",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not getattr(self, "username_pattern", ""):
            self.set_trait("username_pattern", _USERNAME)  # a trait's default wouldn't be compiled
        # as the claims are written, whichever way the values write them
        for name in ("allowed_groups", "admin_groups"):
            setattr(self, name, set(gate.normalised_all(getattr(self, name))))
        self._flights: SingleFlight[Look] = SingleFlight()
        self._logins = Logins()
        self._verdicts: dict[str, Verdict] = {}
        self._looked: dict[str, float] = {}

    def get_handlers(self, app: Any) -> list[Any]:
        # the hub takes an authenticator's handlers before its own: the only place for a page of ours instead of its
        return [*super().get_handlers(app), *HANDLERS]

    # --- login

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> dict[str, Any]:
        try:
            model: dict[str, Any] = await super().authenticate(handler, data, **kwargs)
        except Unreachable as error:
            LOGINS.labels("unreachable").inc()
            raise self._not_now(error) from error
        except Denied as error:
            LOGINS.labels("denied").inc()
            self.log.warning("Login: %s refuses (%s)", self.issuer, error)
            raise web.HTTPError(400, "The login service didn't accept this login. Try it again.") from error
        known = handler.find_user(self.normalize_username(model["name"]))
        pinned = subject(await known.get_auth_state()) if known is not None else None
        if pinned is not None and pinned != model["auth_state"][SUBJECT]:
            LOGINS.labels("somebody else").inc()
            self.log.error(
                "Login: %s is pinned to subject %s, not %s", known.name, pinned, model["auth_state"][SUBJECT]
            )
            raise SomebodyElse(known.name)
        return model

    def _not_now(self, error: Unreachable) -> web.HTTPError:
        if isinstance(error, Misconfigured):
            self.log.error("Login: nobody can log in: %s", error)
            return web.HTTPError(
                503, "The platform can't ask the login service. This is for the platform's administrators to mend."
            )
        self.log.error("Login: %s doesn't answer (%s)", self.issuer, error)
        return web.HTTPError(503, "The login service doesn't answer. Try again in a minute.")

    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """JupyterHub's question at login, unless everybody is allowed; asked during a look, an exception would be an error."""
        if await self._allowed(username, auth_model):
            return True
        LOGINS.labels("not a member").inc()
        self.log.warning("Login: %s is in none of %s", username, sorted(self.allowed_groups))
        raise NotAMember(username, self.allowed_groups, self.issuer)

    async def _allowed(self, username: str, model: dict[str, Any] | None) -> bool:
        return bool(self.allow_all or await super().check_allowed(username, model))

    async def begin(self, name: str, write: Callable[[], Awaitable[T]]) -> T:
        """A login that JupyterHub accepted; `write` is what it does to write it down."""
        written = await self._logins.begin(name, write)
        LOGINS.labels("allowed").inc()
        self._verdicts.pop(name, None)
        return written

    def build_auth_state_dict(self, token_info: dict[str, Any], user_info: dict[str, Any]) -> dict[str, Any]:
        return {**super().build_auth_state_dict(token_info, user_info), SUBJECT: user_info.get("sub")}

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        return set(gate.groups_of(auth_state[self.user_auth_state_key]))

    # --- looks at a login

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> dict[str, Any] | bool:
        """JupyterHub's question whether the login still holds: the fresh model, True for "as you know it", or False for "log in
        again"."""
        look = await self.look(user)
        if look.outcome is not Outcome.VALID or self._logins.over(user.name):
            return False
        # Without the tokens, which are written down: JupyterHub would do so when it comes to it, after a newer login or a logout.
        # With any model it writes down once more what it reads then, so that it gets none without need.
        if look.model is None or _knows(user, look.model):
            return True
        return {key: value for key, value in look.model.items() if key != "auth_state"}

    async def look(self, user: Any) -> Look:
        """Renew the login where it is due, and ask the gate again."""
        look = await self._flights.run(user.name, lambda: self._noted(user))
        LOOKS.labels(look.outcome.value).inc()
        return look

    async def keeps_server(self, user: Any) -> bool:
        """Whether a running server of `user` may go on. Asked often; looks at the login as often as JupyterHub would."""
        if time.monotonic() - self._looked.get(user.name, float("-inf")) >= self.auth_refresh_age:
            await self.look(user)
        verdict = self._verdicts.get(user.name)
        if verdict is None or verdict.outcome is Outcome.VALID:
            return True
        if verdict.outcome is Outcome.NOT_ALLOWED:
            return False
        return time.time() - verdict.since < self.servers_without_login

    async def forget(self, user: Any) -> None:
        """Logout: revoke the refresh token and keep no token; the subject stays pinned to the name."""
        # in this order: a look that is under way may have got a new refresh token to revoke, and those to come do as we do
        self._logins.end(user.name)
        await self._flights.settled(user.name)
        await self._flights.run(user.name, lambda: self._noted(user))

    async def _noted(self, user: Any) -> Look:
        look = await self._look(user)
        # in the same moment: a login that begins before this would have its server stopped for the one before
        known = self._verdicts.get(user.name)
        if known is None or known.outcome is not look.outcome:
            self._verdicts[user.name] = Verdict(look.outcome, look.since)
        self._looked[user.name] = time.monotonic()
        return look

    async def _look(self, user: Any) -> Look:
        if self._logins.over(user.name):
            return await self._emptied(user)
        number = self._logins.number(user.name)
        state = await user.get_auth_state()
        look, kept = await self._judged(user.name, state or {})
        async with self._logins.writing:
            if self._logins.number(user.name) != number:
                return Look(Outcome.VALID)  # let in meanwhile, by a login that this says nothing about
            # what can't be read is of another key: it may be put back, and holds the subject
            readable = state is not None or user.encrypted_auth_state is None
            # here, not where JupyterHub does it: the next look mustn't begin with a refresh token that is used up
            if kept != state and readable:
                await user.save_auth_state(kept)
        return look

    async def _emptied(self, user: Any) -> Look:
        """After a logout: whatever token is there, also one that something late has written down, is removed and revoked."""
        state = await user.get_auth_state()
        look, kept = _ended(emptied(state or {}))
        async with self._logins.writing:
            if not self._logins.over(user.name):
                return Look(Outcome.VALID)  # let in again meanwhile
            if state is None or kept == state:
                return look
            await user.save_auth_state(kept)
        if state.get("refresh_token"):
            try:
                await self.revoke(state["refresh_token"])
            except (Denied, Unreachable) as error:
                self.log.warning("Logout: %s's refresh token isn't revoked (%s)", user.name, error)
        return look if self._logins.over(user.name) else Look(Outcome.VALID)

    async def _judged(self, name: str, state: dict[str, Any]) -> tuple[Look, dict[str, Any]]:
        """What is to be said of a login, and what is to be kept of it."""
        if not state.get("token_response"):
            return _ended(state)  # logged out, or the hub's key is another one
        try:
            model = await self._model(*await self._current(name, state))
        except (Denied, ValueError) as error:  # ValueError: userinfo without a name
            self.log.info("%s has to log in again: %s", name, error)
            return _ended(state)
        if model["name"] != name or model["auth_state"][SUBJECT] != subject(state):
            self.log.error("The login of %s is now that of subject %s", name, model["auth_state"][SUBJECT])
            return _ended(state)
        if not await self._allowed(name, model):
            self.log.warning("%s is in none of %s any more", name, sorted(self.allowed_groups))
            return Look(Outcome.NOT_ALLOWED), model["auth_state"]
        return Look(Outcome.VALID, model), model["auth_state"]

    async def _current(self, name: str, state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Token response and userinfo, fresh where they are due and the provider can be asked. Raises Denied."""
        token, info = state["token_response"], state[self.user_auth_state_key]
        now = time.time()
        if not renewal_due(token, now, self.refresh_margin, self.groups_max_age):
            return token, info
        try:
            return await self.renew(token, info)
        except Unreachable as error:
            say = self.log.error if isinstance(error, Misconfigured) else self.log.warning
            say("The login of %s can't be renewed now: %s", name, error)
            end = expires_at(token)
            if end is not None and now > end + self.outage_grace:
                raise Denied(f"{self.issuer} doesn't answer for too long") from error
            return token, info

    async def _model(self, token: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
        """As the base class makes it at login, without asking the provider."""
        name = self.normalize_username(self.user_info_to_username(info))
        model = {
            "name": name,
            "admin": True if name in self.admin_users else None,
            "auth_state": self.build_auth_state_dict(token, info),
        }
        made: dict[str, Any] = await self._apply_managed_groups(model)
        return made


def _ended(state: dict[str, Any]) -> tuple[Look, dict[str, Any]]:
    since = ended_at(state)
    return Look(Outcome.LOGIN_NEEDED, since=since), {**state, ENDED_AT: since}


def _knows(user: Any, model: dict[str, Any]) -> bool:
    """Whether JupyterHub has the user's groups and rights as they are in `model`."""
    groups = model.get("groups")
    same = groups is None or set(groups) == {group.name for group in user.groups}
    return same and model["admin"] in (None, user.admin)
