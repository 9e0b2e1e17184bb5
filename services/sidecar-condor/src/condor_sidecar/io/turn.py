"""Taking turns: one at a time, the others in a queue where nobody waits for ever."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from condor_sidecar import metrics
from condor_sidecar.model.calls import Failure, FailureKind


class NoTurn(Exception):
    """The turn didn't come in time; `failure` says so, of kind BUSY."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class Turn:
    """A queue for something that serves one at a time, first come, first served."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def taken(self, call: str, deadline: float) -> AsyncIterator[None]:
        """Wait at most `deadline` seconds for the turn of this `call`, and have it. Raises NoTurn.

        Hold no lock while waiting here: everybody who needs it would stand in this queue as well.
        """
        try:
            async with asyncio.timeout(deadline):
                await self._lock.acquire()
        except TimeoutError:
            metrics.SCHEDD_CALLS.labels(call, FailureKind.BUSY.value).inc()
            text = f"earlier calls to HTCondor took more than {deadline:.0f} s ({call} not asked)"
            raise NoTurn(Failure(FailureKind.BUSY, text)) from None
        try:
            yield
        finally:
            self._lock.release()
