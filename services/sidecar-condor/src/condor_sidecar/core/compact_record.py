"""Reads the `ChirpIL` attribute, in which a job says of its pod what fits there: no messages, and no ids of images.

It comes from a worker node, as the full record does, and is trusted no further (`result.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from condor_sidecar.core.result import LAST_MOMENT, MOST_EXIT_CODE, MOST_RESTARTS, MOST_REVISION, WORD
from condor_sidecar.model.plan import PlannedContainer
from condor_sidecar.model.result import ContainerResult, ContainerState, EarlierEnd, JobPhase, JobResult


def parse_chirp(
    value: str, containers: Sequence[PlannedContainer], added: Sequence[PlannedContainer] = ()
) -> JobResult | None:
    """The record in the `ChirpIL` attribute (no messages, no logs), None for a value that isn't one for these containers.

    `added` are those that may follow the others, in any order, each by its name.
    """
    version, *rest = value.split(";")
    own = 3 + len(containers)
    if version != "2" or len(rest) < own:
        return None
    revision, phase, reason, *states = rest[:own]
    later = dict(text.split("=", 1) for text in rest[own:] if "=" in text)
    if len(later) != len(rest) - own:
        return None
    pairs = [*zip(containers, states, strict=True), *((each, later[each.name]) for each in added if each.name in later)]
    try:
        found = tuple(_compact_container(container, state) for container, state in pairs)
        return JobResult(JobPhase(phase), found, _number(revision, MOST_REVISION), _word(reason) if reason else "")
    except ValueError:
        return None


def filled(compact: JobResult, before: JobResult) -> JobResult:
    """A compact record, with what an earlier one told in full of whatever is still as it was."""
    known = {container.name: container for container in before.containers}
    containers = tuple(_filled(each, known[each.name]) if each.name in known else each for each in compact.containers)
    message = before.message if compact.reason == before.reason else ""
    return replace(compact, containers=containers, message=message, host=before.host)


def _filled(now: ContainerResult, before: ContainerResult) -> ContainerResult:
    same_run = now.restart_count == before.restart_count
    now = replace(now, image_id=before.image_id)
    if same_run and now.last is not None and before.last is not None:
        now = replace(now, last=before.last)
    if same_run and (now.state, now.reason, now.exit_code) == (before.state, before.reason, before.exit_code):
        now = replace(now, message=before.message, signal=before.signal)
    return now


def _compact_container(container: PlannedContainer, text: str) -> ContainerResult:
    """One container of the compact record. Raises ValueError."""
    now, _, before = text.partition("/")
    result = ContainerResult(container.name, container.kind, image=container.image)
    if before:
        result = _with_end_before(result, before)
    match now.split(":"):
        case ["w", reason]:
            return replace(result, reason=_word(reason) if reason else "")
        case ["r", started, "" | "s" | "sr" as flags]:
            state = replace(result, state=ContainerState.RUNNING, started=_time(started))
            return replace(state, started_up="s" in flags, ready="r" in flags)
        case ["t", code, started, finished, reason]:
            times = replace(result, started=_time(started), finished=_time(finished))
            ended = ContainerState.TERMINATED
            return replace(times, state=ended, exit_code=_number(code, MOST_EXIT_CODE), reason=_word(reason))
        case _:
            raise ValueError(text)


def _with_end_before(result: ContainerResult, text: str) -> ContainerResult:
    """A container that was started again, or waits for that. Raises ValueError."""
    count, code, reason = text.split(":")
    last = EarlierEnd(_number(code, MOST_EXIT_CODE), _word(reason))
    return replace(result, restart_count=_number(count, MOST_RESTARTS), last=last)


def _number(text: str, most: int) -> int:
    """Digits alone, none of which `int` takes beside them, and no more than a number up to `most` has. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > most:
        raise ValueError(text[:32])
    return int(text)


def _word(text: str) -> str:
    """A reason. Raises ValueError."""
    if not re.fullmatch(WORD, text):
        raise ValueError(text[:32])
    return text


def _time(seconds: str) -> str | None:
    """Seconds since 1970 as RFC 3339; None for 0. Raises ValueError."""
    moment = _number(seconds, LAST_MOMENT)
    # beyond its years, `fromtimestamp` raises one of three errors, by the number of digits
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
