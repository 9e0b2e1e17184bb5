"""Who may come in: cheap questions first, so that a flood of bad tickets costs next to nothing.

A ticket that was verified counts until it expires, and a bad one stays bad, both without another look at its signature.
Only what is unknown is verified, and no more of that than a remote address has left in its bucket, which bad tickets
empty. So whoever has a good ticket gets in from behind the same address that a flood comes from, once it is known.
"""

import hashlib
import time
from collections.abc import Callable

from aiohttp import web
from service_runtime.bounded import Bounded
from service_runtime.rate import Bucket, take

from relay import metrics
from relay.core.bearer import ticket_text
from relay.core.remote import remote_address
from relay.core.verify import verified
from relay.io.key_file import KeyFile
from relay.model.refusal import Outcome, Refusal
from relay.model.settings import Settings
from relay.model.ticket import Purpose, Ticket

_FINAL = frozenset({Outcome.BAD_TICKET, Outcome.EXPIRED_TICKET, Outcome.OTHER_MEMBER})


class Admission:
    """Checks the tickets of one application's calls."""

    def __init__(
        self,
        settings: Settings,
        keys: KeyFile,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._now, self._clock = now, clock
        size = settings.limits.remembered
        self._good: Bounded[bytes, Ticket] = Bounded(size)
        self._bad: Bounded[bytes, Outcome] = Bounded(size)
        self._failures: Bounded[str, Bucket] = Bounded(size)
        self._calls: Bounded[str, Bucket] = Bounded(size)
        self._generation = keys.generation

    def admit(self, request: web.Request, purpose: Purpose) -> Ticket:
        """Whose call it is. Raises Refusal."""
        ticket = self._ticket(request)
        if ticket.purpose is not purpose:
            raise Refusal(
                Outcome.OTHER_PURPOSE, f'The ticket is for "{ticket.purpose}", this call needs one for "{purpose}".'
            )
        return ticket

    def count(self, ticket: Ticket) -> None:
        """Count a call of the ticket's user. Raises Refusal if there were too many."""
        limits = self._settings.limits
        known = self._calls.get(ticket.user)
        bucket, wait = take(known, self._clock(), limits.user_calls_per_minute, limits.user_calls_burst)
        self._calls.put(ticket.user, bucket)
        if wait > 0:
            message = f"Too many calls: {limits.user_calls_per_minute:g} a minute of one user are allowed."
            raise Refusal(Outcome.RATE_LIMITED, message, retry_after=wait)

    def _ticket(self, request: web.Request) -> Ticket:
        text = ticket_text(request.headers.getall("Authorization", ()))
        keys = self._keys.keys()
        self._forget_if_new_keys()
        digest = hashlib.sha256(text.encode("ascii")).digest()
        known = self._good.get(digest)
        if known is not None and known.expires_at + self._settings.clock_skew > self._now():
            return known
        remote = remote_address(
            request.remote, request.headers.getall("X-Forwarded-For", ()), self._settings.trusted_proxies
        )
        self._check_failures(remote)
        outcome = self._bad.get(digest)
        if outcome is not None:
            self._failed(remote)
            raise Refusal(outcome, "The ticket was refused before. Ask for a new one.")
        try:
            ticket = verified(text, keys, self._settings.url, self._now(), self._settings.clock_skew)
        except Refusal as refusal:
            metrics.ticket_checks.labels(refusal.outcome).inc()
            if refusal.outcome in _FINAL:
                self._bad.put(digest, refusal.outcome)
            self._failed(remote)
            raise
        metrics.ticket_checks.labels(Outcome.OK).inc()
        self._good.put(digest, ticket)
        return ticket

    def _forget_if_new_keys(self) -> None:
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._good = Bounded(self._settings.limits.remembered)
            self._bad = Bounded(self._settings.limits.remembered)

    def _check_failures(self, remote: str) -> None:
        """Look into the bucket without taking anything: good tickets are free."""
        _, wait = self._failure(remote)
        if wait > 0:
            message = "Too many bad tickets came from this address. Wait, and show a good one."
            raise Refusal(Outcome.TOO_MANY_FAILURES, message, retry_after=wait)

    def _failed(self, remote: str) -> None:
        self._failures.put(remote, self._failure(remote)[0])

    def _failure(self, remote: str) -> tuple[Bucket, float]:
        limits = self._settings.limits
        return take(self._failures.get(remote), self._clock(), limits.failures_per_minute, limits.failures_burst)
