"""One connection of the job channel: takes what comes, sends what waits, in the one thread that owns the connection."""

import collections
import os
import select
import threading
import time
from typing import Any, Callable, Deque, Dict, Optional, Union

from .channel_protocol import PING_SECONDS, SILENCE_SECONDS, STDIN, VERSION, BadMessage, decode, encode, unpack
from .channel_streams import CannotOpen, OnEnd, Opener, Session, Stream
from .websocket import BINARY, CLOSE, PING, PONG, TEXT, Broken, WebSocket

MOST_STREAMS = 64

OnMessage = Callable[[Dict[str, Any]], None]


class Link:
    """The connection and its streams.

    Messages about the pod go before those of streams, whose amount is bounded by what their readers have granted.
    """

    def __init__(self, websocket: WebSocket, openers: Dict[str, Opener], on_message: OnMessage) -> None:
        self._websocket, self._openers, self._on_message = websocket, openers, on_message
        self._lock = threading.Lock()
        self._urgent: Deque[str] = collections.deque()
        self._others: Deque[Union[str, bytes]] = collections.deque()
        self._streams: Dict[int, Stream] = {}
        self._over = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self, uid: str, revision: int) -> None:
        """Say hello, then carry messages until told to end. Raises Broken."""
        sent = heard = pinged = time.monotonic()
        self.tell(encode("hello", version=VERSION, uid=uid, revision=revision))
        while not self._over:
            if self._flush():
                sent = time.monotonic()
            self._wait(max(pinged, min(sent, heard)) + PING_SECONDS - time.monotonic())
            for kind, payload in self._websocket.receive():
                heard = time.monotonic()
                self._take(kind, payload)
            now = time.monotonic()
            if now - heard > SILENCE_SECONDS:
                raise Broken("nothing was heard for %d seconds" % SILENCE_SECONDS)
            if now - max(pinged, min(sent, heard)) >= PING_SECONDS:
                self._websocket.send(PING, b"")
                pinged = now
        self._flush()

    def tell(self, message: str) -> None:
        """Let a message about the pod be sent, before the data of streams."""
        with self._lock:
            if not self._over:
                self._urgent.append(message)
        self._wake()

    def end(self) -> None:
        """Let `run` send what it was told, and return."""
        self._over = True
        self._wake()

    def close(self) -> None:
        """Close the connection and its streams: by the thread that ran it, once."""
        with self._lock:
            self._over = True
            streams = list(self._streams.values())
            self._streams.clear()
        for stream in streams:
            stream.close()
        self._websocket.close()
        with self._lock:
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_write = -1

    def _post(self, message: Union[str, bytes]) -> None:
        """Let a message of a stream be sent, after its earlier ones."""
        with self._lock:
            if not self._over:
                self._others.append(message)
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._wake_write < 0:
                return
            try:
                os.write(self._wake_write, b"!")
            except BlockingIOError:
                pass  # it wakes up anyway

    def _wait(self, seconds: float) -> None:
        """Until something can be received or is to be sent."""
        if not self._websocket.waits():
            select.select([self._websocket.fileno(), self._wake_read], [], [], max(0.0, seconds))
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def _next(self) -> Union[str, bytes, None]:
        with self._lock:
            for queue in (self._urgent, self._others):
                if queue:
                    return queue.popleft()
        return None

    def _flush(self) -> bool:
        """Send what waits; whether there was anything."""
        message = first = self._next()
        while message is not None:
            if isinstance(message, str):
                self._websocket.send(TEXT, message.encode("ascii"))
            else:
                self._websocket.send(BINARY, message)
            message = self._next()
        return first is not None

    def _take(self, kind: int, payload: bytes) -> None:
        """Raises Broken."""
        if kind == CLOSE:
            raise Broken("the other end closed the connection: %s" % payload[2:].decode("utf-8", "replace"))
        if kind == PING:
            self._websocket.send(PONG, payload)
        try:
            if kind == TEXT:
                self._take_message(decode(payload.decode("utf-8")))
            elif kind == BINARY:
                self._take_data(*unpack(payload))
        except (BadMessage, KeyError, TypeError, ValueError) as error:
            raise Broken("no message of the job channel: %s: %s" % (type(error).__name__, error)) from error

    def _take_message(self, message: Dict[str, Any]) -> None:
        kind = message["type"]
        if kind in self._openers:
            self._open(int(message["stream"]), self._openers[kind], message)
        elif kind in ("resize", "eof", "close", "credit"):
            stream = self._streams.get(int(message["stream"]))
            if stream is not None:  # it may have ended just now
                try:
                    self._take_for(stream, kind, message)
                except OSError as error:  # its own trouble: the connection is the others', too
                    self._drop(stream, "%s: %s" % (kind, error))
        else:
            self._on_message(message)

    def _take_for(self, stream: Stream, kind: str, message: Dict[str, Any]) -> None:
        if kind == "resize":
            stream.resize(int(message["width"]), int(message["height"]))
        elif kind == "eof":
            stream.eof()
        elif kind == "credit":
            stream.grant(int(message["bytes"]))
        else:
            with self._lock:
                self._streams.pop(stream.number, None)
            stream.close()

    def _drop(self, stream: Stream, words: str) -> None:
        """End a stream that broke."""
        with self._lock:
            self._streams.pop(stream.number, None)
        if stream.end():
            self._post(encode("end", stream=stream.number, code=None, reason="StreamBroken", message=words))
        stream.close()

    def _take_data(self, kind: int, number: int, data: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return  # it has ended just now
        if kind != STDIN or not stream.feed(kind, data):
            raise BadMessage("data for stream %d that it can't take" % number)

    def _open(self, number: int, opener: Opener, message: Dict[str, Any]) -> None:
        if number in self._streams:
            raise BadMessage("stream %d is open already" % number)
        stream = Stream(number, self._post, self.tell)
        opening, early = [True], []

        def on_end(code: Optional[int], reason: str, words: str) -> None:
            with self._lock:
                if opening:
                    early.append((code, reason, words))
                    return
                if self._streams.get(number) is stream:
                    del self._streams[number]
            if stream.end():
                self._post(encode("end", stream=number, code=code, reason=reason, message=words))

        session = self._session(opener, message, stream, on_end)
        with self._lock:
            self._streams[number] = stream
            opening.clear()
        if session is not None:
            self._post(encode("opened", stream=number, **session.about))
            stream.start(session)
        if early:
            on_end(*early[0])

    def _session(self, opener: Opener, message: Dict[str, Any], stream: Stream, on_end: OnEnd) -> Optional[Session]:
        """What the opener gives; None if it can't, and has said so with `on_end`."""
        if len(self._streams) >= MOST_STREAMS:
            on_end(None, "TooManyStreams", "%d streams of this pod are open already" % MOST_STREAMS)
            return None
        try:
            return opener(message, stream.write, on_end)
        except CannotOpen as error:
            on_end(None, error.reason, str(error))
        except OSError as error:
            on_end(None, "CannotOpen", str(error))
        return None
