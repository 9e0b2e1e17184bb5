"""One issuer's keys in memory: fetched again by age and on demand, kept while the issuer is away.

All fetches are made by one task, `run()`. A call that shows an unknown key only asks for a fetch and waits for it, so
that a caller who hangs up can't break it off, and a flood of such calls costs the issuer one fetch each `pause`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from joserfc.jwk import Key
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger
from service_runtime.openid import IssuerError

from oauth2_proxy import metrics
from oauth2_proxy.model.settings import Keys

log = get_logger(__name__)

Fetch = Callable[[], Awaitable[tuple[Key, ...]]]


class KeyCache:
    """The keys of `issuer` (its name, for logs and metrics), got with `fetch`."""

    def __init__(self, issuer: str, settings: Keys, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failure = "its keys were not fetched yet"
        self._fetching = False
        self._wanted = asyncio.Event()
        self._tried = asyncio.Condition()

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys to verify with; empty if there never were any or the issuer has been away for too long."""
        if self._fetched_at is None or self._clock() - self._fetched_at > self._settings.keep:
            return ()
        return self._keys

    @property
    def failure(self) -> str | None:
        """Why the last fetch failed; None if it went well."""
        return self._failure or None

    async def renew(self) -> None:
        """Have the keys fetched again and wait for it; returns at once if that was tried less than `pause` ago."""
        if not self._fetching and not self._is_due(self._settings.pause):
            return
        try:
            async with asyncio.timeout(self._settings.deadline + 1), self._tried:
                self._wanted.set()
                await self._tried.wait()
        except TimeoutError:
            return

    async def run(self) -> None:
        """Fetch for ever: at the start, when keys get old, with growing waits after a failure, and when asked to."""
        wait = Backoff(min(1, self._settings.refresh), min(60, self._settings.refresh))
        failures = 0
        while True:
            failures = 0 if await self._try() else failures + 1
            pause = wait.delay(failures - 1) if failures else self._settings.refresh
            try:
                async with asyncio.timeout(pause):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _try(self) -> bool:
        self._fetching = True
        try:
            keys = await self._fetch()
        except IssuerError as error:
            self._failure = str(error)
            metrics.key_refreshes.labels(self.issuer, "failed").inc()
            log.warning("keys.fetch_failed", issuer=self.issuer, error=self._failure, held=len(self.keys))
        else:
            self._take(keys)
        finally:
            self._tried_at = self._clock()
            self._fetching = False
            self._wanted.clear()
            async with self._tried:
                self._tried.notify_all()
        return not self._failure

    def _take(self, keys: tuple[Key, ...]) -> None:
        if {key.thumbprint() for key in keys} != {key.thumbprint() for key in self._keys}:
            log.info("keys.changed", issuer=self.issuer, kids=[key.get("kid") for key in keys])
        self._keys, self._fetched_at, self._failure = keys, self._clock(), ""
        metrics.key_refreshes.labels(self.issuer, "ok").inc()
        metrics.keys_last_success.labels(self.issuer).set_to_current_time()

    def _is_due(self, pause: float) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= pause
