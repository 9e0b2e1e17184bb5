"""What a user is told of a cluster's workers: one row each, the ones that matter first, never more than a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from offload_backend.core.fate import Fate, Stage, fate

MOST_ROWS = 1000
MOST_ENDED = 100
KEPT = ("reason", "message", "exit_code", "node", "stage")
"""Of a row, what is kept of a worker whose pod is gone."""


@dataclass(frozen=True)
class WorkerView:
    """A worker as the gateway's database has it, and its pod if there is one."""

    name: str
    connected: bool
    """The scheduler has seen it."""
    closing: bool
    over: bool
    """The database has it as ended."""
    state: Mapping[str, Any]
    started: int
    """Milliseconds since 1970; when it was asked for."""
    stopped: int | None
    pod: Mapping[str, Any] | None


def row(view: WorkerView, site: str, warnings: Mapping[str, str]) -> dict[str, Any]:
    """What is told of one worker. `warnings` has the latest event of each pod that has one, by UID."""
    found: dict[str, Any] = {"name": view.name, "site": site, "asked": view.started, "ended": view.stopped}
    if view.pod is None or (view.over and "stage" in view.state):
        kept = {key: view.state[key] for key in KEPT if key in view.state}
        stage = kept.pop("stage", Stage.ENDED if view.over else Stage.WAITING)
        return (
            found | {"state": _state(view, stage), "reason": "", "message": "", "exit_code": None, "node": None} | kept
        )
    seen, meta = fate(view.pod), view.pod.get("metadata") or {}
    message = seen.message
    if seen.stage is Stage.WAITING and not message:
        message = warnings.get(str(meta.get("uid")), "")
    return found | {
        "state": _state(view, seen.stage),
        "reason": seen.reason,
        "message": message,
        "exit_code": seen.exit_code,
        "node": (view.pod.get("spec") or {}).get("nodeName"),
        "pod": meta.get("name"),
    }


def kept(seen: Fate, pod: Mapping[str, Any]) -> dict[str, Any]:
    """What is remembered of a worker when its pod goes."""
    return {
        "stage": str(seen.stage),
        "reason": seen.reason,
        "message": seen.message,
        "exit_code": seen.exit_code,
        "node": (pod.get("spec") or {}).get("nodeName"),
    }


def page(views: Iterable[WorkerView]) -> tuple[list[WorkerView], int]:
    """The workers to tell of, and how many are left off: those at work or under way, then the latest that ended."""
    every = list(views)
    active = [view for view in every if not view.over]
    ended = sorted((view for view in every if view.over), key=lambda view: view.stopped or 0, reverse=True)
    shown = [*active[:MOST_ROWS], *ended[:MOST_ENDED]]
    return shown, len(every) - len(shown)


def _state(view: WorkerView, stage: str) -> str:
    """waiting, starting, running, closing, ended or failed."""
    if stage in (Stage.ENDED, Stage.FAILED):
        return str(stage)
    if view.over:
        return "ended"
    if view.closing or stage == Stage.LEAVING:
        return "closing"
    if view.connected:
        return "running"
    return "starting" if stage == Stage.RUNNING else "waiting"
