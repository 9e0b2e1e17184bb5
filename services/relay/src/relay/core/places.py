"""Who has which place: listeners by cluster and id, and the places of those who are away for a moment."""

from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

C = TypeVar("C")


class Key(NamedTuple):
    """A listener. The cluster is the ticket's: a ticket of one cluster never finds the listeners of another."""

    cluster: str
    id: str


@dataclass(slots=True)
class Place(Generic[C]):
    """One listener; without connection it is kept until `kept_until`."""

    key: Key
    user: str
    """Who is charged for it: whoever took it first."""
    connection: C | None
    kept_until: float = 0.0
    calls: set[str] = field(default_factory=set)
    """Tokens of the calls that wait for it."""


class Places(Generic[C]):
    """All places. Times are seconds of one clock, whichever."""

    def __init__(self, kept_for: float) -> None:
        self._kept_for = kept_for
        self._places: dict[Key, Place[C]] = {}
        self.connected = 0

    def __len__(self) -> int:
        return len(self._places)

    def find(self, key: Key) -> Place[C] | None:
        return self._places.get(key)

    def reserve(self, key: Key, user: str, now: float) -> None:
        """Make a place for a listener that is about to connect; kept as for one that is away."""
        self._places[key] = Place(key, user, None, now + self._kept_for)

    def take(self, key: Key, connection: C) -> tuple[Place[C], C | None]:
        """The place of `key`, which is there, with `connection` in it, and the connection that was there before.

        The latest one counts: the one before may be dead without anybody having noticed.
        """
        place = self._places[key]
        before, place.connection = place.connection, connection
        self.connected += before is None
        return place, before

    def leave(self, key: Key, connection: C, now: float, *, for_good: bool) -> Place[C] | None:
        """`connection` is gone. Gives the place if it was given up; a place that another one has taken stays as it is."""
        place = self._places.get(key)
        if place is None or place.connection is not connection:
            return None
        self.connected -= 1
        if for_good:
            return self._places.pop(key)
        place.connection, place.kept_until = None, now + self._kept_for
        return None

    def sweep(self, now: float) -> list[Place[C]]:
        """The places that nobody came back to; they are given up."""
        over = [p for p in self._places.values() if p.connection is None and p.kept_until <= now]
        for place in over:
            del self._places[place.key]
        return over

    def connections(self) -> list[C]:
        return [p.connection for p in self._places.values() if p.connection is not None]
