"""One token's loop: get it, write it, wait, again."""

import asyncio
import random
import time
from collections.abc import Callable

from service_runtime.backoff import Backoff
from service_runtime.files import read_token, write_atomically
from service_runtime.grants import claims_of
from service_runtime.logs import get_logger

from token_refresher import metrics
from token_refresher.core.schedule import wait_after_success
from token_refresher.io.refresh_tokens import RefreshTokens
from token_refresher.io.token_endpoint import ask
from token_refresher.model.granted import Granted, RefreshFailed
from token_refresher.model.settings import Token

log = get_logger(__name__)

LONGEST_SLEEP = 30.0  # a machine that was suspended finds out soon after it wakes up


class Refresher:
    """Keeps the token of `settings` fresh while `run()` runs."""

    def __init__(self, settings: Token, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._refresh_tokens = RefreshTokens(settings)
        self._backoff = Backoff(settings.retry.initial, settings.retry.maximum)
        self._failures = 0
        self._failure = "it was not asked for yet"
        self._expires_at = 0.0

    def unready(self) -> str | None:
        """Why there is no valid token in the file; None if there is one."""
        if self._clock() < self._expires_at:
            return None
        return f"no valid token {self._settings.name}: {self._failure}"

    async def run(self) -> None:
        """Refresh for ever."""
        self.adopt()
        while True:
            until = self._clock() + await self.refresh()
            while (left := until - self._clock()) > 0:  # noqa: ASYNC110 no event tells of a clock that was set
                await asyncio.sleep(min(left, LONGEST_SLEEP))

    def adopt(self) -> None:
        """Count what a predecessor left as good while it lasts: a restart in an outage of the issuer is no loss."""
        try:
            claims = claims_of(read_token(self._settings.file))
            self._expires_at = float((claims or {}).get("exp", 0))
        except (OSError, ValueError, TypeError, OverflowError):
            return
        metrics.expires.labels(self._settings.name).set(self._expires_at)

    async def refresh(self) -> float:
        """One attempt, which leaves the file as it is when it fails; gives the seconds until the next."""
        name = self._settings.name
        try:
            granted = await self._ask()
            self._write(granted)
        except (RefreshFailed, OSError) as error:
            wait = max(self._backoff.delay(self._failures), getattr(error, "retry_after", 0.0))
            self._failures += 1
            self._failure = str(error)
            metrics.refreshes.labels(name, "failed").inc()
            log.warning(
                "refresh.failed",
                name=name,
                error=str(error),
                retry_seconds=round(wait, 1),
                valid=self.unready() is None,
            )
            return wait
        self._failures, self._failure = 0, ""
        lifetime = granted.expires_at - self._clock()
        wait = wait_after_success(lifetime, self._settings.refresh_at, random.random())  # noqa: S311 spreads load
        metrics.refreshes.labels(name, "ok").inc()
        metrics.last_success.labels(name).set(self._clock())
        log.info("refresh.done", name=name, lifetime_seconds=round(lifetime), next_seconds=round(wait))
        for remark in granted.remarks:
            log.warning("refresh.remark", name=name, remark=remark)
        return wait

    async def _ask(self) -> Granted:
        if self._settings.grant == "client_credentials":
            return await ask(self._settings, None, self._clock)
        refused = RefreshFailed("")
        for refresh_token in self._refresh_tokens.candidates():
            try:
                granted = await ask(self._settings, refresh_token, self._clock)
            except RefreshFailed as error:
                if error.error != "invalid_grant":
                    raise
                refused = error
                continue
            # before the access token is written: the old refresh token may have ended with this very use
            self._refresh_tokens.keep(granted.refresh_token or refresh_token)
            return granted
        raise refused

    def _write(self, granted: Granted) -> None:
        file = self._settings.file
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, granted.token.encode("ascii"), mode=self._settings.mode, group=self._settings.group)
        self._expires_at = granted.expires_at
        metrics.expires.labels(self._settings.name).set(granted.expires_at)
