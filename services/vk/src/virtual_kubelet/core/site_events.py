"""Which of the events that a site tells are to be written.

Every status carries the latest events of its pod, each with a number. What was numbered in the status before was written then. A
virtual kubelet that was restarted does not know what its predecessor wrote; of pods that it inherits it leaves what is older than
any likely restart, and for the rest the events' names tell (io.events).
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from interlink.protocol.types import PodStatus, SiteEvent

from virtual_kubelet.core.timestamp import unix_time
from virtual_kubelet.model.pod import JsonObject

RESTART_SECONDS = 600.0
"""An event of an inherited pod that is older than this at our start was written by our predecessor."""
MOST_OF_ONE_STATUS = 50

_FIELDS = {
    "containers": "spec.containers",
    "initContainers": "spec.initContainers",
    "ephemeralContainers": "spec.ephemeralContainers",
}


@dataclass(frozen=True, slots=True)
class News:
    """An event to be written."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str
    part: str
    when: float


def news(pod: JsonObject, report: PodStatus, told: "array[int]", inherited_at: float | None) -> list[News]:
    """The events of `report` whose numbers are not among `told`; `inherited_at`: when we took over a pod of a predecessor's."""
    fresh = [event for event in _events(report) if event.number not in told]
    return [
        News("Warning" if event.kind == "Warning" else "Normal", event.reason, event.message, _part(pod, event), when)
        for event in fresh
        if (when := unix_time(event.time)) is not None
        and event.reason
        and (inherited_at is None or when >= inherited_at - RESTART_SECONDS)
    ]


def numbers(report: PodStatus) -> "array[int]":
    """The numbers of a report's events: small, since it is kept for each of thousands of pods."""
    return array("q", [event.number for event in _events(report)])


def _events(report: PodStatus) -> list[SiteEvent]:
    told = report.events if isinstance(report.events, list) else []
    return [event for event in told[-MOST_OF_ONE_STATUS:] if abs(event.number) < 2**63]


def _part(pod: JsonObject, event: SiteEvent) -> str:
    return next((f"{field}{{{event.container}}}" for field, name in _named(pod) if name == event.container), "")


def _named(pod: JsonObject) -> Iterator[tuple[str, str]]:
    for kind, field in _FIELDS.items():
        for container in pod["spec"].get(kind) or []:
            yield field, container["name"]
