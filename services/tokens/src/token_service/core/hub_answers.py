"""What the hub says about a caller and about a user, taken at its word and no further."""

from collections.abc import Mapping
from typing import Any

from token_service.model.login import Login
from token_service.model.refusal import Outcome, Refusal

HUB_RETRY_SECONDS = 5
LOG_IN_AGAIN = "Log in to the hub again; the server may go on."


def caller(model: Any) -> str:
    """The user for whom `GET /user` answered with `model`, if the token that was shown is one of a server of that user.

    The token that a program gets when a person visits it (OAuth) names the person, too, and others hold it: the server of
    somebody who shares it, a service of the hub. JupyterHub lets only a server, and the user's own tokens, report what the
    user does; that tells them apart. Raises Refusal.
    """
    if not isinstance(model, dict) or not isinstance(model.get("kind"), str):
        raise _nonsense("GET /user is no model of a user or a service")
    name, scopes = model.get("name"), model.get("scopes")
    if model["kind"] != "user":
        kind = "service" if model["kind"] == "service" else "something else"
        raise Refusal(
            Outcome.NOT_A_USERS_SERVER,
            "The token is not a user's: tokens are for servers of people. Send JUPYTERHUB_API_TOKEN of a server.",
            reason=f"the hub token belongs to a {kind}",
        )
    if not isinstance(name, str) or not name or not isinstance(scopes, list):
        raise _nonsense("GET /user names no user, or no scopes")
    if not {"users:activity", f"users:activity!user={name}"} & {scope for scope in scopes if isinstance(scope, str)}:
        raise Refusal(
            Outcome.NOT_A_USERS_SERVER,
            "The token was made for a visit, not for a server of the user. Send JUPYTERHUB_API_TOKEN of a server.",
            reason=f"the hub token of {name!r} lacks the scope users:activity!user={name}",
        )
    return name


def login(model: Any, user: str) -> Login:
    """The login of `user`, about whom `GET /users/NAME` answered with `model`. Raises Refusal."""
    if not isinstance(model, dict) or model.get("kind") != "user":
        raise _nonsense("GET /users/NAME is no model of a user")
    if model.get("name") != user:
        # an odd name may have led elsewhere; whatever is there is not this caller's
        raise _nonsense("GET /users/NAME is about somebody else")
    if "auth_state" not in model:
        raise Refusal(
            Outcome.MISCONFIGURED,
            "The token service may not see logins. This is for the platform's administrators to mend.",
            reason="the hub shows no auth_state: the role of this service lacks the scope admin:auth_state",
            retry_after=60,
        )
    state = model["auth_state"]
    refresh_token = state.get("refresh_token") if isinstance(state, Mapping) else None
    if not isinstance(refresh_token, str) or not refresh_token:
        raise Refusal(
            Outcome.LOGIN_ENDED,
            f"There is no login that tokens could be made of. {LOG_IN_AGAIN}",
            reason="the hub holds no refresh token: logged out, the scope offline_access is missing, or its key has changed",
        )
    subject = state.get("subject")
    return Login(user, subject if isinstance(subject, str) else "", refresh_token)


def _nonsense(what: str) -> Refusal:
    return Refusal(
        Outcome.HUB_UNAVAILABLE,
        "The hub's answer makes no sense. Try again in a moment.",
        reason=f"the hub's answer to {what}",
        retry_after=HUB_RETRY_SECONDS,
    )
