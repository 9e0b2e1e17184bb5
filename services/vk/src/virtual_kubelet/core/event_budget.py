"""How many new events an object may have: a burst, then one a minute. Else a container in a loop would flood the cluster."""

from collections import OrderedDict
from collections.abc import Hashable

BURST = 25.0
SECONDS_EACH = 60.0
REMEMBERED = 8192


class EventBudget:
    """By object, whatever names it. Who was not heard of for longest is forgotten first, and has a whole burst again."""

    def __init__(self) -> None:
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, about: Hashable, now: float) -> bool:
        """May this object have another new event at `now` (seconds)?"""
        left, since = self._left.pop(about, (BURST, now))
        left = min(BURST, left + max(0.0, now - since) / SECONDS_EACH)
        granted = left >= 1.0
        self._left[about] = (left - 1.0 if granted else left, now)
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return granted
