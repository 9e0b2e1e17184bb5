"""Brings diallers and listeners together."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from service_runtime.bounded import Bounded
from service_runtime.logs import get_logger

from relay import metrics
from relay.core.pace import Pace
from relay.core.places import Key, Places
from relay.core.shares import Shares
from relay.io.control import Close, Control
from relay.io.end import End
from relay.io.splice import Spend
from relay.model.refusal import Outcome, Refusal
from relay.model.settings import Settings
from relay.model.ticket import Ticket

SWEEP_SECONDS = 5.0

log = get_logger(__name__)


@dataclass(eq=False)
class Call:
    """A dialler that waits for its listener."""

    key: Key
    accepted: asyncio.Future[End]
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the stream has ended, or will not be."""


@dataclass
class Leave:
    """How a listener leaves its place."""

    for_good: bool = False


class Exchange:
    """The table of listeners, calls and streams of this process, with what users and clusters may hold."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        limits = settings.limits
        self._settings = settings
        self._clock = clock
        self._places: Places[Control] = Places(settings.deadlines.reconnect)
        self._calls: dict[str, Call] = {}
        self._listeners = Shares("listeners", limits.user_listeners, limits.cluster_listeners)
        self._pending = Shares("calls that wait for a listener", limits.user_pending, limits.cluster_pending)
        self._streams = Shares("streams", limits.user_streams, limits.cluster_streams)
        self._paces: Bounded[str, Pace] = Bounded(limits.remembered)
        self._open_streams = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.draining = False

    def reserve(self, key: Key, ticket: Ticket) -> None:
        """Make sure that there is a place for `key`. Raises Refusal."""
        if self._places.find(key) is None:
            self._listeners.take(ticket.user, key.cluster)
            self._places.reserve(key, ticket.user, self._clock())

    @contextlib.asynccontextmanager
    async def listening(self, key: Key, ticket: Ticket, control: Control) -> AsyncIterator[Leave]:
        """Fill the place of `key` inside the context with `control`.

        On leaving, the place is kept for the listener's return, unless the object given says that it left for good.
        """
        self.reserve(key, ticket)  # once more: opening may have taken longer than a place is kept
        leave = Leave()
        place, before = self._places.take(key, control)
        if before is not None:
            metrics.replaced.inc()
            before.close(Close.REPLACED)
        self._count()
        left = max(0.0, ticket.expires_at - time.time())
        expiry = asyncio.get_running_loop().call_later(left, control.close, Close.EXPIRED)
        try:
            # those who dialled while it was away, and those whose word got lost with the connection
            for token in tuple(place.calls):
                await control.call(token)
            yield leave
        finally:
            expiry.cancel()
            gone = self._places.leave(key, control, self._clock(), for_good=leave.for_good)
            if gone is not None:
                self._listeners.give_back(gone.user, key.cluster)
            self._count()

    async def call(self, key: Key, ticket: Ticket) -> tuple[Call, End]:
        """Call the listener of `key`; gives its end of the stream. Raises Refusal."""
        with self._called(key, ticket) as (token, call):
            place = self._places.find(key)
            assert place is not None, "_called looked"
            if place.connection is not None:
                await place.connection.call(token)
            try:
                async with asyncio.timeout(self._settings.deadlines.answer):
                    return call, await asyncio.shield(call.accepted)
            except TimeoutError:
                what = "is not connected at the moment" if place.connection is None else "did not dial back"
                waited = f"for {self._settings.deadlines.answer:g} s"
                message = f'The listener "{key.id}" {what}, {waited}. Try again, or look at its log.'
                raise Refusal(Outcome.NOT_ANSWERED, message) from None

    @contextlib.contextmanager
    def _called(self, key: Key, ticket: Ticket) -> Iterator[tuple[str, Call]]:
        place = self._places.find(key)
        if place is None:
            raise Refusal(
                Outcome.UNKNOWN_ID, f'Nobody listens as "{key.id}". Has it ended, or is it connected to another relay?'
            )
        if len(place.calls) >= self._settings.limits.listener_pending:
            raise Refusal(
                Outcome.LISTENER_LIMIT, f'{len(place.calls)} calls wait for "{key.id}" already. Try again in a moment.'
            )
        self._pending.take(ticket.user, key.cluster)
        token = secrets.token_urlsafe(24)
        call = self._calls[token] = Call(key, asyncio.get_running_loop().create_future())
        place.calls.add(token)
        metrics.pending.inc()
        try:
            yield token, call
        except BaseException:
            call.over.set()
            raise
        finally:
            metrics.pending.dec()
            place.calls.discard(token)
            self._calls.pop(token, None)
            self._pending.give_back(ticket.user, key.cluster)

    def answer(self, token: str, ticket: Ticket) -> Call:
        """The call that a listener dials back for; it can be answered once. Raises Refusal."""
        call = self._calls.get(token)
        if call is None or call.key.cluster != ticket.cluster:
            raise Refusal(Outcome.UNKNOWN_CALL, "Nobody waits for this call any more.")
        del self._calls[token]
        return call

    @contextlib.asynccontextmanager
    async def streaming(self, ticket: Ticket) -> AsyncIterator[Spend]:
        """Count a stream inside the context. Raises Refusal."""
        self._streams.take(ticket.user, ticket.cluster)
        self._open_streams += 1
        self._quiet.clear()
        metrics.streams.inc()
        pace = self._pace(ticket.user)
        try:
            yield lambda count: pace.spend(count, self._clock())
        finally:
            metrics.streams.dec()
            self._streams.give_back(ticket.user, ticket.cluster)
            self._open_streams -= 1
            if not self._open_streams:
                self._quiet.set()

    def _pace(self, user: str) -> Pace:
        pace = self._paces.get(user) or Pace(self._settings.limits.user_bytes_per_second)
        self._paces.put(user, pace)
        return pace

    async def sweep(self) -> None:
        """Give up the places that nobody came back to, until cancelled."""
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self._settings.deadlines.reconnect / 4))
            for place in self._places.sweep(self._clock()):
                self._listeners.give_back(place.user, place.key.cluster)
                log.info("listener.gone", cluster=place.key.cluster, id=place.key.id, user=place.user)
            self._count()

    async def drain(self, seconds: float) -> None:
        """Take no new calls, send listeners away, and give open streams `seconds` to end."""
        self.draining = True
        for control in self._places.connections():
            control.close(Close.RESTART)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        log.info("relay.drained", streams=self._open_streams)

    def _count(self) -> None:
        metrics.listeners.set(self._places.connected)
        metrics.kept_places.set(len(self._places) - self._places.connected)
