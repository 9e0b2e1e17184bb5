"""Calls over HTTP as both hops make them: connections to one server, and where HTTP's failures become the protocol's errors."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import unquote

import aiohttp
from service_runtime.http_client import Deadlines, HttpClient

from interlink.protocol.errors import InterlinkError, LostTrack, NoConnection, NotNow, from_status
from interlink.protocol.features import FEATURES_HEADER, REFUSAL_HEADER, parse_features
from interlink.protocol.types import LogRequest

ERROR_BODY_LIMIT = 64 * 1024
REPLY_LIMIT = 64 * 1024 * 1024  # statuses of tens of thousands of pods
LOG_CHUNK = 64 * 1024
LOG_STREAMS = 1000  # and commands, to one server; a further one is told to come back, not left waiting without a word
# a log that is followed may be silent for long; a day without a byte ends it
FOLLOW_SILENCE_SECONDS = 86400.0


class Transport:
    """Calls to one server. Raises InterlinkError only; whatever the caller does with a stream raises as it is."""

    def __init__(
        self,
        url: str,
        *,
        deadlines: Deadlines | None = None,
        ssl_context: ssl.SSLContext | None = None,
        log_streams: int = LOG_STREAMS,
        reply_limit: int = REPLY_LIMIT,
    ) -> None:
        self.url = url
        self._reply_limit = reply_limit
        self._deadlines = deadlines or Deadlines()
        self._calls = HttpClient(url, deadlines=deadlines, ssl_context=ssl_context)
        # followed logs last for hours: they must not take the connections of the other calls
        self._streams = HttpClient(url, deadlines=deadlines, ssl_context=ssl_context, connections=0)
        self._log_streams = log_streams
        self._open_streams = 0

    async def __aenter__(self) -> Self:
        await self._calls.__aenter__()
        await self._streams.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._streams.__aexit__(kind, error, trace)
        await self._calls.__aexit__(kind, error, trace)

    async def call(
        self, what: str, method: str, path: str, *, headers: Mapping[str, str], data: bytes | None
    ) -> tuple[bytes, frozenset[str]]:
        """A whole reply and the features it announces; `what` names the call in errors."""
        with mapped_errors(what):
            async with self._calls.request(method, path, headers=headers, data=data) as response:
                await _check(response)
                return await read_bounded(response, what, self._reply_limit), parse_features(
                    response.headers.get(FEATURES_HEADER)
                )

    @contextlib.asynccontextmanager
    async def stream(
        self, what: str, path: str, *, headers: Mapping[str, str], data: bytes, follow: float | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A reply chunk by chunk as it comes; with `follow` it may last for days, and is silent for so many seconds at most.

        Raises NotNow (429) if too many run.
        """
        connect = self._deadlines.connect
        deadlines = None if follow is None else Deadlines(connect=connect, first_byte=follow, total=None)
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self._place(what))
            with mapped_errors(what):
                response = await stack.enter_async_context(
                    self._streams.request("GET", path, headers=headers, data=data, deadlines=deadlines)
                )
                await _check(response)
            yield _chunks(what, response)

    @contextlib.asynccontextmanager
    async def websocket(
        self, what: str, path: str, *, headers: Mapping[str, str], subprotocol: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket, which takes a place among the streams; it may last for days. Raises NotNow (429) if too many run."""
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self._place(what))
            with mapped_errors(what):
                socket = await stack.enter_async_context(
                    self._streams.websocket(path, headers=headers, subprotocol=subprotocol)
                )
            yield socket

    @contextlib.contextmanager
    def _place(self, what: str) -> Iterator[None]:
        if self._open_streams >= self._log_streams:
            raise NotNow(f"{what}: {self._open_streams} streams are followed already; try again later", http_status=429)
        self._open_streams += 1
        try:
            yield
        finally:
            self._open_streams -= 1


def followed(request: LogRequest) -> float | None:
    """How long the log of this request may be silent; None if it is not followed."""
    return FOLLOW_SILENCE_SECONDS if request.Opts.Follow else None


async def _check(response: aiohttp.ClientResponse) -> None:
    if not 200 <= response.status < 300:
        raise await error_of(response)


async def read_bounded(response: aiohttp.ClientResponse, what: str, longest: int = REPLY_LIMIT) -> bytes:
    """The body of a reply. Raises LostTrack if it is longer than `longest` bytes."""
    pieces, size = list[bytes](), 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > longest:
            raise LostTrack(f"{what}: the reply is longer than {longest} bytes, which is the most that is read")
    return b"".join(pieces)


async def _chunks(what: str, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    with mapped_errors(what):
        async for chunk in response.content.iter_chunked(LOG_CHUNK):
            yield chunk


@contextlib.contextmanager
def mapped_errors(what: str) -> Iterator[None]:
    """Turn what aiohttp raises inside the context into NoConnection (none came about) or LostTrack (one broke)."""
    try:
        yield
    except InterlinkError:
        raise
    except aiohttp.WSServerHandshakeError as error:
        headers = error.headers if error.headers is not None else {}
        words = unquote(headers.get(REFUSAL_HEADER, "")) or f"{what}: HTTP status {error.status}"
        raise from_status(error.status, words, headers.get("Retry-After")) from error
    except aiohttp.ClientConnectorError as error:
        # nothing was asked yet; certificate errors are of this kind too
        raise NoConnection(f"{what}: no connection: {error}") from error
    except aiohttp.ConnectionTimeoutError as error:
        raise NoConnection(f"{what}: no connection within the deadline") from error
    except TimeoutError as error:
        raise LostTrack(f"{what}: no answer within the deadline", 504) from error
    except (aiohttp.ClientError, OSError) as error:
        raise LostTrack(f"{what}: the connection broke: {error or type(error).__name__}") from error


async def error_of(response: aiohttp.ClientResponse) -> InterlinkError:
    """The error that a reply without success stands for; of a long text only the beginning is read."""
    text = b""
    # the status counts also where the text breaks off
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async for piece in response.content.iter_any():
            text += piece
            if len(text) >= ERROR_BODY_LIMIT:
                break
    words = text[:ERROR_BODY_LIMIT].decode("utf-8", "replace")
    return from_status(response.status, words, response.headers.get("Retry-After"))
