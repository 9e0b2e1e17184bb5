"""The record of the pod that the supervisor keeps and publishes: one JSON object, and a compact form for a job attribute."""

import json
from typing import Any, Dict, List, Optional, Tuple

from .logs import stamp
from .plan import EPHEMERAL, Container, Pod

WAITING, RUNNING, TERMINATED = "waiting", "running", "terminated"

STARTING = "starting"  # of the pod: init containers, or nothing yet
ENDING = "ending"  # told to stop, waiting for the containers
ENDED = "ended"

TOLD_TO_STOP = "Terminated"  # the reason of a pod whose job the batch system ends

MESSAGE_LIMIT = 4096  # bytes of a container's message, as in Kubernetes


class ContainerState:
    """What happened to one container so far."""

    def __init__(self, name: str, kind: str, image: str) -> None:
        self.name, self.kind, self.image = name, kind, image
        self.image_id = ""
        self.state = WAITING
        self.reason = "PodInitializing"
        self.message = ""
        self.started: Optional[float] = None
        self.finished: Optional[float] = None
        self.exit_code: Optional[int] = None
        self.signal: Optional[int] = None
        self.restart_count = 0
        self.ready = False
        self.started_up = False  # its startup probe passed, or it has none and runs
        self.last: Optional[Dict[str, Any]] = None  # how it ended before, in the fields of `end`
        self._before: Optional[Tuple[Any, ...]] = None  # what `wait` took away: the end, and the end before that

    def begin(self) -> None:
        """It is started, for the first time or again: `restart_count` is the number of the run, also if that never comes to run."""
        if self.state == TERMINATED or self._before is not None:
            self.wait("ContainerCreating", "")
        if self._before is not None:
            self.restart_count += 1
            self._before = None

    def run(self, now: float) -> None:
        """It runs."""
        self.state, self.reason, self.message, self.started = RUNNING, "", "", now

    def finish(self, exit_code: int, signal: Optional[int], reason: str, message: str, now: float) -> None:
        """It ended."""
        self.state, self.finished, self.exit_code, self.signal = TERMINATED, now, exit_code, signal
        self.reason = reason or ("Completed" if exit_code == 0 else "Error")
        self.message = clipped(message)
        self.ready = self.started_up = False

    def wait(self, reason: str, message: str) -> None:
        """It waits for what it will be started for; how it ended before is its last end."""
        if self.state == TERMINATED:
            self._before = (
                self.exit_code,
                self.signal,
                self.reason,
                self.message,
                self.started,
                self.finished,
                self.last,
            )
            self.last = self.end()
            self.started = self.finished = self.exit_code = self.signal = None
        self.state, self.reason, self.message = WAITING, reason, clipped(message)

    def settle(self) -> None:
        """It won't be started again: its last end is its end."""
        if self.state == WAITING and self._before is not None:
            self.exit_code, self.signal, self.reason, self.message, self.started, self.finished, self.last = (
                self._before
            )
            self.state, self._before = TERMINATED, None

    def end(self) -> Dict[str, Any]:
        """How it ended, as `last` stands in the record."""
        return {
            "exit_code": self.exit_code,
            "signal": self.signal,
            "reason": self.reason,
            "message": self.message,
            "started": None if self.started is None else stamp(self.started),
            "finished": None if self.finished is None else stamp(self.finished),
        }

    def as_json(self) -> Dict[str, Any]:
        """As it stands in the record."""
        return {
            "name": self.name,
            "kind": self.kind,
            "image": self.image,
            "image_id": self.image_id,
            "state": self.state,
            "reason": self.reason,
            "message": self.message,
            "started": None if self.started is None else stamp(self.started),
            "finished": None if self.finished is None else stamp(self.finished),
            "exit_code": self.exit_code,
            "signal": self.signal,
            "restart_count": self.restart_count,
            "ready": self.ready,
            "started_up": self.started_up,
            "last": self.last,
        }


EVENTS_KEPT = 20
EVENTS_AT_ONCE, EVENT_EVERY = (
    25,
    300.0,
)  # a kubelet's limit: so many events of a pod at once, then one in so many seconds


class PodState:
    """What happened to the pod so far. `revision` grows with every change that is published."""

    def __init__(self, pod: Pod, host: str, address: str, epoch: float = 0.0) -> None:
        self.uid = pod.uid
        self._epoch = epoch
        self.host, self.address = host, address
        self.revision = 0
        self.phase = STARTING
        self.reason = ""
        self.message = ""
        self.containers: List[ContainerState] = [
            ContainerState(container.name, container.kind, container.image.name) for container in pod.containers
        ]
        self.events: List[Dict[str, Any]] = []
        self._event_count = 0
        self._room, self._room_since = float(EVENTS_AT_ONCE), 0.0

    def wall(self, now: float) -> float:
        """The time on the wall clock when the monotonic one shows `now`; `epoch` is what lies between them."""
        return now + self._epoch

    def event(self, kind: str, reason: str, message: str, container: str, now: float) -> None:
        """Something that a kubelet would write an event about; `kind` is Normal or Warning. The latest few are in the record.

        What happens again and again is dropped, or a probe that fails every second would fill the submit machine's disk.
        """
        self._room = min(EVENTS_AT_ONCE, self._room + max(0.0, now - self._room_since) / EVENT_EVERY)
        self._room_since = now
        if self._room < 1:
            return
        self._room -= 1
        self._event_count += 1
        event = {
            "number": self._event_count,
            "time": stamp(now),
            "kind": kind,
            "reason": reason,
            "message": clipped(message),
            "container": container,
        }
        self.events = [*self.events[1 - EVENTS_KEPT :], event]

    def add(self, container: Container) -> ContainerState:
        """A container was added to the pod while it runs."""
        self.containers.append(ContainerState(container.name, container.kind, container.image.name))
        return self.containers[-1]

    def container(self, name: str) -> ContainerState:
        """The container called `name`."""
        return next(container for container in self.containers if container.name == name)

    def give_up(self, reason: str, message: str, now: float) -> None:
        """The supervisor can't go on: what runs is killed with it."""
        self.phase, self.reason, self.message = ENDED, reason, clipped(message)
        for container in self.containers:
            if container.state == RUNNING:
                container.state, container.reason, container.finished = TERMINATED, "Error", now
                container.exit_code, container.signal = 137, 9

    def record(self) -> bytes:
        """The whole record on one line."""
        return json.dumps(
            {
                "version": 1,
                "uid": self.uid,
                "revision": self.revision,
                "phase": self.phase,
                "reason": self.reason,
                "message": self.message,
                "host": self.host,
                "address": self.address,
                "containers": [container.as_json() for container in self.containers],
                "events": self.events,
            },
            separators=(",", ":"),
        ).encode("ascii")

    def compact(self) -> str:
        """The record without texts, for the job attribute `ChirpIL`: `2;<revision>;<phase>;<reason>;<container>;...`.

        Containers stand in the pod's order: `w:<reason>`, `r:<started>:<flags>` (`s`: it has started up, `r`: it is ready) or
        `t:<exit code>:<started>:<finished>:<reason>`, times in seconds since 1970, 0 for none. One that ended before has
        `/<restart count>:<exit code>:<reason>` behind it, of that end. One that was added later has `<name>=` before it.
        """
        return ";".join(["2", str(self.revision), self.phase, self.reason, *map(_compact, self.containers)])


def _compact(container: ContainerState) -> str:
    name = container.name + "=" if container.kind == EPHEMERAL else ""
    return name + _compact_state(container)


def _compact_state(container: ContainerState) -> str:
    started, finished = int(container.started or 0), int(container.finished or 0)
    if container.state == RUNNING:
        flags = ("s" if container.started_up else "") + ("r" if container.ready else "")
        text = "r:%d:%s" % (started, flags)
    elif container.state == TERMINATED:
        text = "t:%d:%d:%d:%s" % (container.exit_code or 0, started, finished, container.reason)
    else:
        text = "w:" + container.reason
    if container.last is None:
        return text
    return "%s/%d:%d:%s" % (text, container.restart_count, container.last["exit_code"], container.last["reason"])


def clipped(text: str) -> str:
    """`text`, cut to what Kubernetes keeps of a container's message."""
    return text.encode("utf-8", "replace")[:MESSAGE_LIMIT].decode("utf-8", "ignore")
