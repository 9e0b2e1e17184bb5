"""Conditions of pods and nodes: what is true, why, and since when. The time changes only with the status (True, False)."""

from collections.abc import Iterable
from dataclasses import dataclass

from virtual_kubelet.model.pod import JsonObject


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement about an object."""

    type: str
    holds: bool | None
    """None: unknown."""
    reason: str = ""
    message: str = ""

    @property
    def status(self) -> str:
        return {True: "True", False: "False", None: "Unknown"}[self.holds]


def merged(old: Iterable[JsonObject], wanted: Iterable[Condition], now: str) -> list[JsonObject]:
    """`old` with the statements in `wanted` taking the place of those of their type. Others stay as they are."""
    entries = {entry["type"]: entry for entry in old}
    for condition in wanted:
        entries[condition.type] = _entry(entries.get(condition.type), condition, now)
    return list(entries.values())


def _entry(before: JsonObject | None, condition: Condition, now: str) -> JsonObject:
    same = before is not None and before.get("status") == condition.status
    since = before.get("lastTransitionTime") if same and before is not None else None
    entry: JsonObject = dict(before or {})
    entry |= {"type": condition.type, "status": condition.status, "lastTransitionTime": since or now}
    for key, value in (("reason", condition.reason), ("message", condition.message)):
        if value:
            entry[key] = value
        else:
            entry.pop(key, None)
    return entry


def holds(conditions: Iterable[JsonObject], kind: str) -> bool:
    """Is the condition of type `kind` there and True?"""
    return any(c.get("type") == kind and c.get("status") == "True" for c in conditions)
