"""Who calls: the token that is shown, and what the hub says of it, taken at its word and no further."""

import re
from dataclasses import dataclass
from typing import Any

from offload_backend.model.refusal import CallerRefused, HubUnavailable

SCHEME = "jupyterhub"
LONGEST = 1024  # JupyterHub's have 32 characters
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_HOW = f'Send the header "Authorization: {SCHEME} $JUPYTERHUB_API_TOKEN".'
_UNKNOWN = frozenset({401, 403, 404})
"""JupyterHub answers 403 to tokens that it doesn't know, and to those of a login that has ended; 404 where the user is gone."""


@dataclass(frozen=True)
class Caller:
    """A user, by one of the user's servers."""

    name: str
    groups: frozenset[str]


def hub_token(authorization: str | None) -> str:
    """The token in the value of a call's Authorization header. Raises CallerRefused."""
    scheme, _, rest = (authorization or "").strip().partition(" ")
    token = rest.strip()
    if scheme.lower() != SCHEME or len(token) > LONGEST or not _TOKEN.fullmatch(token):
        raise CallerRefused(f"The call has no token of the hub. {_HOW}")
    return token


def caller(status: int, model: Any) -> Caller:
    """The user for whom the hub answered `GET /user` with `status` and `model`, if the token is one of a server of that user.

    The token that a program gets when a person visits it (OAuth) names the person, too, and others hold it: the server of
    somebody who shares it, a service of the hub. JupyterHub lets only a server, and the user's own tokens, report what the
    user does; that tells them apart. Raises CallerRefused, HubUnavailable.
    """
    if status in _UNKNOWN:
        raise CallerRefused(
            "The hub doesn't know this session any more: log in to the hub again; the server may go on. "
            "Start a new server if that doesn't help."
        )
    if status != 200:
        raise HubUnavailable(f"GET /user answers {status}")
    if not isinstance(model, dict) or not isinstance(model.get("kind"), str):
        raise HubUnavailable("GET /user is no model of a user or a service")
    if model["kind"] != "user":
        raise CallerRefused(f"The token is not a user's: clusters are for servers of people. {_HOW}")
    name, scopes, groups = model.get("name"), model.get("scopes"), model.get("groups", [])
    if not isinstance(name, str) or not name or not isinstance(scopes, list) or not isinstance(groups, list):
        raise HubUnavailable("GET /user names no user, or no scopes, or no groups")
    if not {"users:activity", f"users:activity!user={name}"} & {scope for scope in scopes if isinstance(scope, str)}:
        raise CallerRefused(f"The token was made for a visit, not for a server of the user. {_HOW}")
    return Caller(name, frozenset(group for group in groups if isinstance(group, str)))
