"""Tokens for logins: kept while they are good, asked for once at a time, not asked for at all where that does harm."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from service_runtime.backoff import Backoff
from service_runtime.bounded import Bounded
from service_runtime.logs import get_logger

from token_service import metrics
from token_service.core.cache import TokenCache
from token_service.model.login import Granted, Login
from token_service.model.refusal import FOR_ADMINISTRATORS, Outcome, Refusal
from token_service.model.settings import Limits, Profile

log = get_logger(__name__)

Refresh = Callable[[Login, Profile], Awaitable[Granted]]
Source = Literal["cache", "provider", "shared"]
Flight = tuple[str, str, str]

# outcomes that the same question has again a moment later
_WAITS_FOR = FOR_ADMINISTRATORS | {Outcome.PROVIDER_UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class _Pause:
    refusal: Refusal
    failures: int
    until: float


class Mint:
    """Makes tokens with `refresh`. Requests to the provider are tasks of this object, which end with its context.

    A request goes on when who asked for it has left: others may wait for it, and its token is kept.
    """

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        refresh: Refresh,
        limits: Limits,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._profiles = profiles
        self._refresh = refresh
        self._backoff = backoff or Backoff(2, 60)
        self._clock = clock
        self._cache = TokenCache(limits.tokens)
        self._flights: dict[Flight, asyncio.Task[Granted]] = {}
        self._pauses: Bounded[Flight, _Pause] = Bounded(limits.users)
        self._rotates: Refusal | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._flights.values():
            task.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    async def token(self, login: Login, profile: str) -> tuple[Granted, Source]:
        """A token of `login` for the profile of that name, and where it is from. Raises Refusal."""
        kept = self._cache.get(login, profile, self._clock())
        if kept is not None:
            return kept, "cache"
        flight = (login.user, login.fingerprint, profile)
        running = self._flights.get(flight)
        if running is not None:
            return await asyncio.shield(running), "shared"
        self._check_pause(flight)
        task = asyncio.create_task(self._ask(flight, login), name="asking for a token")
        self._flights[flight] = task
        task.add_done_callback(lambda done: self._landed(flight, done))
        return await asyncio.shield(task), "provider"

    def _check_pause(self, flight: Flight) -> None:
        if self._rotates is not None:
            raise self._rotates.again(retry_after=60)
        pause = self._pauses.get(flight)
        left = pause.until - time.monotonic() if pause is not None else 0.0
        if pause is not None and left > 0:
            raise pause.refusal.again(retry_after=left)

    async def _ask(self, flight: Flight, login: Login) -> Granted:
        profile = flight[2]
        try:
            granted = await self._refresh(login, self._profiles[profile])
        except Refusal as refusal:
            self._note(flight, refusal)
            raise
        self._pauses.drop(flight)
        self._cache.put(login, profile, granted)
        metrics.cached.set(len(self._cache))
        if granted.missing:
            log.info("token.narrower", user=login.user, profile=profile, not_granted=" ".join(granted.missing))
        return granted

    def _note(self, flight: Flight, refusal: Refusal) -> None:
        if refusal.outcome is Outcome.REFRESH_TOKENS_ROTATE:
            # no other login is risked: each try may end one
            self._rotates = refusal
            metrics.rotated.inc()
            log.error("provider.rotates_refresh_tokens", user=flight[0], reason=refusal.reason)
        elif refusal.outcome in _WAITS_FOR:
            failures = pause.failures + 1 if (pause := self._pauses.get(flight)) is not None else 1
            refusal.retry_after = max(refusal.retry_after, self._backoff.delay(failures - 1))
            until = time.monotonic() + refusal.retry_after
            self._pauses.put(flight, _Pause(refusal, failures, until))

    def _landed(self, flight: Flight, done: asyncio.Task[Granted]) -> None:
        self._flights.pop(flight, None)
        if not done.cancelled():
            done.exception()  # who asked may have left; it was noted all the same
