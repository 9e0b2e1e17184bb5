"""The caller's body on its way through: counted and timed, never held."""

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import web


class BodyFault(Exception):
    """The caller's body can't be passed on; `status` is the reply that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RequestBody:
    """A request's body as a stream for the upstream, which is cut short by a BodyFault.

    aiohttp's client wraps what its data raises beyond recognition, so the fault is kept in `fault` as well.
    """

    def __init__(self, request: web.Request, longest: int, idle: float, progress: Callable[[], None]) -> None:
        self._request = request
        self._longest = longest
        self._idle = idle
        self._progress = progress
        self.fault: BodyFault | None = None

    def check_length(self) -> None:
        """Raises BodyFault if Content-Length alone says that the body is too long."""
        if (self._request.content_length or 0) > self._longest:
            raise self._too_long()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives; `progress` is called after each piece."""
        passed = 0
        while piece := await self._next():
            passed += len(piece)
            if passed > self._longest:
                raise self._too_long()
            yield piece
            self._progress()
        self._progress()

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle):
                return await self._request.content.readany()
        except TimeoutError:
            raise self._fail(408, f"nothing of the body came for {self._idle:g} s") from None
        except (web.PayloadAccessError, ConnectionError, ValueError) as error:
            raise self._fail(400, f"the body broke off: {type(error).__name__}") from error

    def _too_long(self) -> BodyFault:
        return self._fail(413, f"the body is longer than {self._longest} bytes")

    def _fail(self, status: int, reason: str) -> BodyFault:
        self.fault = BodyFault(status, reason)
        return self.fault
