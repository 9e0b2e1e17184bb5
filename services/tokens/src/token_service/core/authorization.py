"""The token that a caller shows."""

import re
from collections.abc import Sequence

from token_service.model.refusal import Outcome, Refusal

LONGEST = 1024  # JupyterHub's have 32 characters
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_SCHEMES = ("token", "bearer")  # JupyterHub's own, and what everything else sends
_HOW = 'send the header "Authorization: token $JUPYTERHUB_API_TOKEN"'


def hub_token(authorization: Sequence[str]) -> str:
    """The token in the values of a call's Authorization headers. Raises Refusal."""
    if not authorization:
        raise Refusal(Outcome.NO_HUB_TOKEN, f"The call has no token: {_HOW}.")
    if len(authorization) > 1:
        raise Refusal(Outcome.NO_HUB_TOKEN, f"The call has {len(authorization)} Authorization headers: {_HOW}.")
    scheme, _, rest = authorization[0].strip().partition(" ")
    token = rest.strip()
    if scheme.lower() not in _SCHEMES or not token:
        raise Refusal(Outcome.NO_HUB_TOKEN, f"The Authorization header holds no token: {_HOW}.")
    if len(token) > LONGEST or not _TOKEN.fullmatch(token):
        raise Refusal(Outcome.NO_HUB_TOKEN, f"What the Authorization header holds is no token of the hub: {_HOW}.")
    return token
