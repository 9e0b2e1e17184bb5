"""The work queue: which pods need something done, each handled by one worker at a time.

Guarantees, whatever the handler does:

* **Nothing is lost.** A key that is added while it is being handled is handled once more afterwards. A handler that fails
  is called again, after a wait that grows with its failures in a row.
* **One at a time per key.** Two handlers never run for the same key.
* **Bounded and fair.** Each lane runs at most its number of handlers; keys of a lane are taken in the order in which they
  came. A full lane (a site that hangs) does not hold up the others. Memory grows with the number of different keys only.
* **An earlier wish wins.** `add` during a wait ends the wait: a key that changed is looked at now, not at the end of a
  back-off. `mention` does not: what is said of the key leaves the wait's reason as it is.
* **An end is an end.** After `drain` no handler is started; those that run get their time, then they are cancelled.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping

from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from virtual_kubelet import metrics

log = get_logger(__name__)

Handler = Callable[[str], Awaitable[float | None]]
"""Does what is to be done for a key; returns the seconds after which to come back anyhow, or None. May raise `PutOff`."""


class PutOff(Exception):
    """The handler could not finish. It is called again after `seconds`, or after the back-off if that is None."""

    def __init__(self, kind: str, seconds: float | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.seconds = seconds


def at_least_a_moment(seconds: float | None) -> float | None:
    """The wait that another side asks for, but never none: nobody is to be asked in a circle."""
    return None if seconds is None else max(1.0, seconds)


class WorkQueue:
    """See the module's guarantees. `lane_of` says in which lane a key is to be handled now."""

    def __init__(
        self, handler: Handler, lanes: Mapping[str, int], lane_of: Callable[[str], str], backoff: Backoff
    ) -> None:
        self._handler = handler
        self._lanes = dict(lanes)
        self._lane_of = lane_of
        self._backoff = backoff
        self._ready: dict[str, deque[str]] = {lane: deque() for lane in lanes}
        self._queued: dict[str, str] = {}
        self._active: dict[str, asyncio.Task[None]] = {}
        self._active_in: dict[str, int] = dict.fromkeys(lanes, 0)
        self._unbegun: set[str] = set()
        self._again: set[str] = set()
        self._mentioned: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}
        self._stopped = False

    def add(self, key: str) -> None:
        """Have the key handled as soon as its lane has room."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._active:
            if key not in self._unbegun:
                self._again.add(key)
        elif key not in self._queued:
            lane = self._lane_of(key)
            self._queued[key] = lane
            self._ready[lane].append(key)
            self._start_next(lane)

    def mention(self, key: str) -> None:
        """Have the key handled as soon as its lane has room, or at the end of its wait if it is put off."""
        if key not in self._active:
            if key not in self._timers:
                self.add(key)
        elif key not in self._unbegun:
            self._mentioned.add(key)

    def add_after(self, key: str, seconds: float) -> None:
        """Have the key handled in `seconds`, unless it is wanted earlier."""
        if key in self._queued or key in self._again:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    def hurry(self) -> None:
        """End all waits: what made the handlers fail is believed to be over."""
        for key in list(self._timers):
            self._failures.pop(key, None)
            self.add(key)

    @property
    def idle(self) -> bool:
        """Is nothing ready or being handled? (Something may be waiting for its time.)"""
        return not self._queued and not self._active

    def count(self) -> None:
        """Refresh the gauges."""
        delayed = Counter(self._lane_of(key) for key in self._timers)
        for lane in self._lanes:
            metrics.QUEUE.labels(lane, "ready").set(len(self._ready[lane]))
            metrics.QUEUE.labels(lane, "active").set(self._active_in[lane])
            metrics.QUEUE.labels(lane, "delayed").set(delayed[lane])

    async def drain(self, seconds: float) -> None:
        """Start nothing more; give running handlers `seconds`, then cancel them."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        running = set(self._active.values())
        if running:
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start_next(self, lane: str) -> None:
        while not self._stopped and self._ready[lane] and self._active_in[lane] < self._lanes[lane]:
            key = self._ready[lane].popleft()
            present = self._lane_of(key)
            if present != lane:  # its pod moved on while it waited
                self._queued[key] = present
                self._ready[present].append(key)
                self._start_next(present)
                continue
            del self._queued[key]
            self._active_in[lane] += 1
            self._unbegun.add(key)
            self._active[key] = asyncio.get_running_loop().create_task(self._handle(key, lane))

    async def _handle(self, key: str, lane: str) -> None:
        self._unbegun.discard(key)
        wait: float | None = None
        try:
            wait = await self._handler(key)
            self._failures.pop(key, None)
        except PutOff as put_off:
            wait = self._after_failure(key, put_off.kind, put_off.seconds)
        except Exception:  # the outermost boundary of a pod's work: it must not stop the others
            log.exception("queue.handler_failed", pod_uid=key)
            wait = self._after_failure(key, "unexpected", None)
        finally:
            self._active_in[lane] -= 1
            del self._active[key]
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            elif wait is not None and not self._stopped:
                self.add_after(key, wait)
            if key in self._mentioned:
                self._mentioned.discard(key)
                self.mention(key)
            self._start_next(lane)

    def _after_failure(self, key: str, kind: str, seconds: float | None) -> float:
        metrics.RETRIES.labels(kind).inc()
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return self._backoff.delay(failures) if seconds is None else seconds
