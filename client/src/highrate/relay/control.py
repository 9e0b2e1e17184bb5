"""The listener's outgoing connection, on which the relay tells it of calls. It comes back whenever it breaks."""

import asyncio
import contextlib
import json
import logging
import random
import ssl
from collections.abc import Callable
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from highrate.relay import authorities, ticket
from highrate.relay.options import LISTEN_TICKET, options
from highrate.relay.upgrade import RelayRefused

PING_SECONDS = 20.0
CONNECT_SECONDS = 20.0
FIRST_WAIT, LONGEST_WAIT = 0.25, 15.0  # well within the minute for which the relay keeps a place
REPLACED = 4002  # the relay: another listener has taken the id

logger = logging.getLogger(__name__)


class Control:
    """Keeps one connection for the listener `name`; `called` gets the token of each call."""

    def __init__(self, name: str, called: Callable[[str], None]) -> None:
        self._name, self._called = name, called
        self._connected = asyncio.Event()
        self._socket: WebSocketClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._problem: Exception | None = None
        self._said = ""

    async def start(self, deadline: float) -> None:
        """Until it stands for the first time. Raises ConnectionError, whose text says why it doesn't."""
        self._task = asyncio.create_task(self._keep(), name=f"relay listener {self._name}")
        waiting = asyncio.ensure_future(self._connected.wait())
        try:
            await asyncio.wait({waiting, self._task}, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not self._connected.is_set():
            self.stop()
            raise ConnectionError(f'can\'t listen as "{self._name}": {self._problem or "the relay gives no answer"}')

    def stop(self) -> None:
        """Leave for good: the relay gives up the place."""
        if self._task is not None:
            self._task.cancel()
        if self._socket is not None:
            self._socket.close(1000, "done")

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                await self._once()
                failures = 0
            except (OSError, ssl.SSLError, TimeoutError, RelayRefused, ticket.UnusableTicket) as error:
                self._problem = error
                hopeless = isinstance(error, ticket.UnusableTicket) or (isinstance(error, RelayRefused) and error.final)
                if hopeless and not self._connected.is_set():
                    return
                self._say(str(error))
                failures += 1
            except Exception as error:  # the outermost boundary: a listener that stops listening would be lost unseen
                self._problem = error
                logger.exception('The connection of "%s" to the relay failed', self._name)
                failures += 1
            if self._socket is not None and self._socket.close_code == REPLACED:
                logger.error('Another process listens as "%s" now; this one can\'t be called any more', self._name)
                return
            self._socket = None
            await asyncio.sleep(wait(failures))

    async def _once(self) -> None:
        """One connection, from its beginning to its end."""
        self._socket = await self._connect()
        if self._said:
            logger.info('Connected to the relay again as "%s"', self._name)
        self._said, self._problem = "", None
        self._connected.set()
        while (message := await self._socket.read_message()) is not None:
            token = _token(message)
            if token is not None:
                self._called(token)

    async def _connect(self) -> WebSocketClientConnection:
        opts = options()
        shown = ticket.read(opts.listen_ticket_file, LISTEN_TICKET)
        scheme = "wss" if shown.tls else "ws"
        request = HTTPRequest(
            f"{scheme}://{shown.netloc}{shown.path}/v1/listen/{self._name}",
            headers={"Authorization": f"Bearer {shown.text}"},
            ssl_options=authorities.context(opts.ca_file) if shown.tls else None,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=CONNECT_SECONDS,
            follow_redirects=False,
        )
        try:
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                return await websocket_connect(
                    request, ping_interval=PING_SECONDS, ping_timeout=PING_SECONDS, max_message_size=4096
                )
        except HTTPClientError as error:
            raise RelayRefused(error.code, f"the relay at {shown.url} answers {error.code}: {_told(error)}") from error
        except (StreamClosedError, WebSocketError) as error:
            reason = getattr(error, "real_error", None) or error
            raise ConnectionError(f"no connection to the relay at {shown.url}: {reason}") from error

    def _say(self, problem: str) -> None:
        """Once for each problem, not at each try."""
        if problem != self._said:
            self._said = problem
            logger.warning('Not connected to the relay as "%s", trying again: %s', self._name, problem)


def wait(failures: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds until the next try; spread, since all listeners of a relay lose it at the same moment."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures, 10))
    return uniform(longest / 2, longest)


def _token(message: str | bytes) -> str | None:
    try:
        content: Any = json.loads(message)
    except ValueError:
        return None
    token = content.get("call") if isinstance(content, dict) else None
    return token if isinstance(token, str) else None


def _told(error: HTTPClientError) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        return str(json.loads(error.response.body)["message"])  # type: ignore[union-attr]
    return error.message or "without a reason"
