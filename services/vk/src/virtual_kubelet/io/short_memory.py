"""Answers that are believed for a moment, so that the same question isn't asked again and again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

REMEMBER_SECONDS = 15.0
REMEMBERED = 512

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ShortMemory(Generic[K, V]):
    """REMEMBERED answers by key, each for REMEMBER_SECONDS after it was stored; the oldest goes first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The answer, if there is one that is young enough."""
        found = self._answers.get(key)
        return found[1] if found is not None and self._clock() < found[0] + REMEMBER_SECONDS else None

    def put(self, key: K, answer: V) -> None:
        self._answers[key] = (self._clock(), answer)
        self._answers.move_to_end(key)
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
