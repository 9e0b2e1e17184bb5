"""How many calls are carried at once.

A call holds a place until its reply is through. A reply without a length may go on for days, as followed logs do: from its
first byte on it is counted apart, so that people who watch jobs take no places from those who start and end them.
"""

import contextlib
from collections.abc import Iterator

from oauth2_proxy import metrics
from oauth2_proxy.model.settings import Limits


class TooManyStreams(Exception):
    """No further reply without a length can be carried now."""


class Load:
    """The calls of one application."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.calls = 0
        self.streams = 0

    @property
    def is_full(self) -> bool:
        """Is there no place for another call?"""
        return self.calls >= self._limits.requests

    @contextlib.contextmanager
    def call(self) -> "Iterator[Place]":
        """Hold a place while the context lasts."""
        place = Place(self)
        place.enter()
        try:
            yield place
        finally:
            place.leave()

    def has_room_for_a_stream(self) -> bool:
        return self.streams < self._limits.streams


class Place:
    """Where one call is counted."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._streaming = False

    def enter(self) -> None:
        self._load.calls += 1
        metrics.forwarding.inc()

    def streams(self) -> None:
        """The reply has begun, and says no length. Raises TooManyStreams."""
        if not self._load.has_room_for_a_stream():
            raise TooManyStreams
        self.leave()
        self._streaming = True
        self._load.streams += 1
        metrics.streaming.inc()

    def leave(self) -> None:
        if self._streaming:
            self._load.streams -= 1
            metrics.streaming.dec()
        else:
            self._load.calls -= 1
            metrics.forwarding.dec()
