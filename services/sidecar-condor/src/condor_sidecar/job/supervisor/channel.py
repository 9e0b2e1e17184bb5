"""The supervisor's end of the job channel: one outgoing connection to the sidecar, kept up for as long as the pod runs.

It never holds up the pod. While there is no connection everything else serves as it does without a channel, and what was missed
is nothing: the newest record is sent as soon as there is a connection again, and logs are read from where their reader was.
"""

import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from .channel_link import Link
from .channel_protocol import SUBPROTOCOL, TEXT_LIMIT, encode, signature
from .channel_streams import Opener
from .plan import Channel as Address
from .redial import FIRST_PAUSE, pause
from .websocket import Broken, connect

CONNECT_SECONDS = 20.0
USAGE_SECONDS = 10.0

OnUpdate = Callable[[Dict[str, Any]], None]
Usage = Callable[[], List[Dict[str, Any]]]


class Channel:
    """Reports the pod's record and what its containers use, opens streams, and hands on updates."""

    def __init__(
        self, address: Address, uid: str, openers: Dict[str, Opener], on_update: OnUpdate, usage: Usage
    ) -> None:
        self._address, self._uid = address, uid
        self._openers, self._on_update, self._usage = openers, on_update, usage
        self._changed = threading.Condition()
        self._link: Optional[Link] = None
        self._welcome = False
        self._hope = True  # a first attempt, or a connection, is under way
        self._closing = False
        self._bye = False
        self._record = ""
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("channel", self._keep_connected), ("usage", self._report_usage))
        ]

    def start(self) -> None:
        """Connect, and go on connecting."""
        for thread in self._threads:
            thread.start()

    def publish(self, record: bytes) -> None:
        """The pod's newest record."""
        with self._changed:
            self._record = record.decode("ascii")
            self._tell_state()

    def answer(self, number: int, problem: str) -> None:
        """An update was carried out, or not: `problem` says why."""
        with self._changed:
            self._tell(encode("updated", number=number, problem=problem))

    def finish(self, seconds: float) -> None:
        """The last record is published: wait until the sidecar has taken all it wants, if it can be reached; then disconnect."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._hope and not self._bye and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())
            self._closing = True
            if self._link is not None:
                self._link.end()
            self._changed.notify_all()
        self._threads[0].join(1.0)

    def _tell(self, message: str) -> None:
        if self._link is not None and self._welcome:
            self._link.tell(message)

    def _tell_state(self) -> None:
        text = self._record
        if text:
            self._tell(encode("state", record=text, signature=signature(self._address.ticket, text)))

    def _keep_connected(self) -> None:
        attempt = 0
        while not self._closing:
            began = time.monotonic()
            try:
                self._connect_and_run()
            except Broken as error:
                print("job channel: %s" % error, file=sys.stderr)
            except Exception as error:  # whatever it is, the pod goes on without a channel for a while
                print("job channel: %s: %s" % (type(error).__name__, error), file=sys.stderr)
            with self._changed:
                attempt = 0 if self._welcome and time.monotonic() - began > FIRST_PAUSE else attempt + 1
                self._link, self._welcome, self._hope = None, False, False
                self._changed.notify_all()
                if not self._closing:
                    self._changed.wait(pause(attempt))

    def _connect_and_run(self) -> None:
        """Raises Broken."""
        address = self._address
        authorization = "Bearer " + address.ticket
        websocket = connect(address.url, authorization, SUBPROTOCOL, address.authorities, TEXT_LIMIT, CONNECT_SECONDS)
        link = Link(websocket, self._openers, self._take)
        with self._changed:
            self._link, self._hope = link, True
            if self._closing:
                link.end()
        try:
            link.run(self._uid)
        finally:
            link.close()

    def _take(self, message: Dict[str, Any]) -> None:
        """A message about the pod; one of a later version is none of ours."""
        kind = message["type"]
        if kind == "welcome":
            with self._changed:
                self._welcome = True
                self._tell_state()
        elif kind == "bye":
            with self._changed:
                self._bye = True
                self._changed.notify_all()
        elif kind in ("update", "stop"):
            self._on_update(message)

    def _report_usage(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(USAGE_SECONDS)
                if self._closing:
                    return
                connected = self._welcome
            if connected:
                self._tell_usage()

    def _tell_usage(self) -> None:
        try:
            containers = self._usage()
        except OSError:
            return  # /proc is out of something; the next time it may be there again
        with self._changed:
            self._tell(encode("usage", time=time.time(), containers=containers))
