"""When a container's probes are due, and what their results mean. No I/O and no clock.

The rules are a kubelet's: a result counts when it came often enough in a row; readiness and liveness wait for the startup probe;
a liveness or startup probe that failed is not asked again in this run.
"""

from typing import Dict, List, NamedTuple, Optional

from .actions import LIVENESS, PROBES, READINESS, STARTUP
from .plan import Container, Probe


class ProbeRun:
    """One probe during one run of its container."""

    def __init__(self, probe: Probe, started: float) -> None:
        self.probe = probe
        self.verdict: Optional[bool] = None
        self._due = started + probe.initial_delay
        self._asked = False
        self._last: Optional[bool] = None
        self._in_a_row = 0

    def due_at(self) -> Optional[float]:
        """When it is to be tried next; None while a try is under way."""
        return None if self._asked else self._due

    def ask(self, now: float) -> None:
        """It is being tried."""
        self._asked = True
        self._due = now + self.probe.period

    def hurry(self, now: float, started: float) -> None:
        """Something changed that it should notice soon: it is due, once its initial delay is over."""
        self._due = max(now, started + self.probe.initial_delay)

    def answer(self, good: Optional[bool], now: float) -> bool:
        """The try ended with this result, None for none; whether the verdict changed."""
        self._asked = False
        self._due = max(self._due, now)
        if good is None:
            return False
        self._in_a_row = self._in_a_row + 1 if good == self._last else 1
        self._last = good
        enough = self.probe.success_threshold if good else self.probe.failure_threshold
        if self._in_a_row < enough or self.verdict == good:
            return False
        self.verdict = good
        return True


class Standing(NamedTuple):
    """What the probes of a run say together; `failed` names the probe that the container is to be ended for."""

    started_up: bool
    ready: bool
    failed: str


class Probes:
    """All probes of one run."""

    def __init__(self, container: Container, started: float) -> None:
        self._started = started
        self._ending = False
        self._runs: Dict[str, ProbeRun] = {}
        for what in PROBES:
            probe = getattr(container, what)
            if probe is not None:
                self._runs[what] = ProbeRun(probe, started)

    def standing(self) -> Standing:
        """What is known so far."""
        started_up = STARTUP not in self._runs or self._runs[STARTUP].verdict is True
        ready = started_up and (READINESS not in self._runs or self._runs[READINESS].verdict is True)
        failed = next((w for w in (STARTUP, LIVENESS) if w in self._runs and self._runs[w].verdict is False), "")
        return Standing(started_up, ready, failed)

    def probe(self, what: str) -> Probe:
        """The probe called `what`."""
        return self._runs[what].probe

    def end(self) -> None:
        """The container is to end."""
        self._ending = True

    def wake_at(self) -> Optional[float]:
        """When the next one is due."""
        return min((at for at in (self._runs[what].due_at() for what in self._open()) if at is not None), default=None)

    def take_due(self, now: float) -> List[str]:
        """Those that are to be tried now."""
        due = []
        for what in self._open():
            at = self._runs[what].due_at()
            if at is not None and at <= now:
                self._runs[what].ask(now)
                due.append(what)
        return due

    def answer(self, what: str, good: Optional[bool], now: float) -> None:
        """What a try brought."""
        changed = self._runs[what].answer(good, now)
        if changed and what == STARTUP and good and READINESS in self._runs:
            self._runs[READINESS].hurry(now, self._started)

    def _open(self) -> List[str]:
        """The probes whose time it is: startup until it passed, then the others; readiness alone where the container is to end."""
        standing = self.standing()
        ending = self._ending or bool(standing.failed)
        if not standing.started_up:
            return [] if ending else [STARTUP]
        wanted = (READINESS,) if ending else (READINESS, LIVENESS)
        return [what for what in wanted if what in self._runs]
