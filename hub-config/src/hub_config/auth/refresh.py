"""When a login is renewed with the provider, and that it happens once at a time for each person.

The hub asks from many requests at once. A provider that gives a new refresh token at each use answers the second of two
concurrent renewals with an error, which would end the login.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# When the provider gave a token: kept in the token response, which JupyterHub stores.
OBTAINED_AT = "obtained_at"


class Outcome(Enum):
    """How a look at a login ended."""

    VALID = "valid"
    NOT_ALLOWED = "the gate refuses"
    LOGIN_NEEDED = "the provider refuses to renew it"


def expires_at(token: Mapping[str, Any]) -> float | None:
    """When the access token of a token response ends (Unix seconds); None if the provider didn't say."""
    obtained, life = token.get(OBTAINED_AT), token.get("expires_in")
    if not isinstance(obtained, int | float) or not isinstance(life, int | float):
        return None
    return obtained + life


def renewal_due(token: Mapping[str, Any], now: float, margin: float, groups_max_age: float) -> bool:
    """Whether to renew: the access token ends within `margin`, or is so old that groups may have changed.

    INDIGO IAM's userinfo repeats the groups of the token that asks; a group that was taken away shows in a new token only.
    """
    obtained = token.get(OBTAINED_AT)
    if not isinstance(obtained, int | float) or now - obtained >= groups_max_age:
        return True
    end = expires_at(token)
    # a life shorter than twice the margin: half of it, not a renewal at every look
    return end is not None and now >= end - min(margin, (end - obtained) / 2)


class SingleFlight(Generic[T]):
    """One call at a time for each key; who comes meanwhile gets the same result."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[T]] = {}

    async def run(self, key: str, call: Callable[[], Awaitable[T]]) -> T:
        """The result of `call`, or of the one under way. One waiter's cancellation is not the others'."""
        running = self._running.get(key)
        if running is None:
            running = asyncio.ensure_future(call())
            self._running[key] = running
            running.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(running)

    async def settled(self, key: str) -> None:
        """Wait until nothing is under way for `key`."""
        while (running := self._running.get(key)) is not None:
            await asyncio.wait([running])
