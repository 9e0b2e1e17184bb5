"""What the hub's database keeps of a login beside its tokens (JupyterHub's auth_state): whose it is, and since when it is none."""

import time
from collections.abc import Mapping
from typing import Any

SUBJECT = "subject"
# Since when there is no valid login (Unix seconds). In the database: a hub that restarts mustn't count anew.
ENDED_AT = "ended_at"


def subject(state: Mapping[str, Any] | None) -> str | None:
    found = (state or {}).get(SUBJECT)
    return found if isinstance(found, str) else None


def ended_at(state: Mapping[str, Any]) -> float:
    """Now, if it has not ended yet."""
    now, since = time.time(), state.get(ENDED_AT)
    return min(since, now) if isinstance(since, int | float) else now  # a clock that was wrong may be right again


def emptied(state: Mapping[str, Any]) -> dict[str, Any]:
    """Without any token."""
    return {SUBJECT: subject(state), ENDED_AT: ended_at(state)}
