"""The ticket that a caller shows, and the words in a path."""

import re
from collections.abc import Sequence

from relay.model.refusal import Outcome, Refusal

LONGEST_TICKET = 4096
_TICKET = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HOW = 'send the header "Authorization: Bearer TICKET"'


def ticket_text(authorization: Sequence[str]) -> str:
    """The ticket in the values of a call's Authorization headers. Raises Refusal."""
    if not authorization:
        raise Refusal(Outcome.NO_TICKET, f"The call has no ticket: {_HOW}.")
    if len(authorization) > 1:
        raise Refusal(Outcome.NO_TICKET, f"The call has {len(authorization)} Authorization headers: {_HOW}.")
    scheme, _, rest = authorization[0].strip().partition(" ")
    text = rest.strip()
    if scheme.lower() != "bearer" or not text:
        raise Refusal(Outcome.NO_TICKET, f"The Authorization header holds no ticket: {_HOW}.")
    if len(text) > LONGEST_TICKET or not _TICKET.fullmatch(text):
        raise Refusal(Outcome.BAD_TICKET, f"What the Authorization header holds is no ticket: {_HOW}.")
    return text


def listener_id(text: str) -> str:
    """`text`, if a listener may be called that. Raises Refusal."""
    if not _ID.fullmatch(text):
        raise Refusal(
            Outcome.BAD_REQUEST,
            "An id has up to 100 letters, digits, dots, hyphens and underscores, and begins with a letter or digit.",
        )
    return text
