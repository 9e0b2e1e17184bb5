"""Which login of a person is the present one, and whether it was ended here.

A look at a login takes as long as the provider's answer. What it found is of the login that it began with: it mustn't be written
over a newer one, nor bring tokens back that a logout has removed. The hub's database can't tell these apart, so the present process
counts; what it forgets with its end, it had nothing under way for.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Logins:
    """One number for each name that logged in, and the names that logged out: as many as the hub has users, at most."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._over: set[str] = set()
        self.writing = asyncio.Lock()
        """Held from the question whether a login is still the present one until what was found of it is written down: encrypting
        takes a thread's time. One for everybody, since no provider is asked meanwhile."""

    async def begin(self, name: str, write: Callable[[], Awaitable[T]]) -> T:
        """Somebody was let in: `write` it down, and it is the present login."""
        async with self.writing:
            written = await write()
            self._begun[name] += 1
            self._over.discard(name)
        return written

    def end(self, name: str) -> None:
        """Somebody logged out."""
        self._over.add(name)

    def over(self, name: str) -> bool:
        """Whether `name` has logged out and not come back: whatever tokens there are were left by something that was late."""
        return name in self._over

    def number(self, name: str) -> int:
        """Another one for each login."""
        return self._begun[name]
