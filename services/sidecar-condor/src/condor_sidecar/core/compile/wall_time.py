"""How long the job may run, and when the supervisor ends the pod so that states and logs still come back."""

import re
from dataclasses import dataclass
from typing import Final

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import WallTime
from condor_sidecar.job.supervisor.plan import OWN_DEADLINE

GO_DURATION: Final = re.compile(r"(?:(?P<h>[0-9]{1,6})h)?(?:(?P<m>[0-9]{1,8})m)?(?:(?P<s>[0-9]{1,9})s)?")
DEFAULT_GRACE: Final = 30  # seconds, Kubernetes' default


@dataclass(frozen=True, slots=True)
class Limits:
    """`wall_seconds` is asked of the site; the pod is told to stop after `deadline_seconds`, `message` says why."""

    grace_seconds: int
    wall_seconds: int
    deadline_seconds: int
    message: str


def grace(spec: Node, maximum: int) -> int:
    """The pod's grace period in seconds."""
    node = spec["terminationGracePeriodSeconds"]
    seconds = node.number()
    if seconds is None:
        return DEFAULT_GRACE
    if not 0 <= seconds <= maximum:
        node.reject(f"a grace period of {seconds} s can't be given at this site: use 0 to {maximum}")
        return DEFAULT_GRACE
    return seconds


def limits(spec: Node, asked: Node, grace_seconds: int, policy: WallTime) -> Limits:
    """The job's wall time: `asked` (the annotation), or what the pod's active deadline needs, or the site's default, to which a
    grace period beyond Kubernetes' own is added, so that it isn't taken from the pod's time."""
    kept = grace_seconds + policy.margin_seconds
    if kept >= policy.max_seconds:
        spec["terminationGracePeriodSeconds"].reject(
            f"a grace period of {grace_seconds} s leaves nothing of this site's longest wall time of {policy.max_seconds} s: "
            "use less"
        )
        return Limits(grace_seconds, policy.max_seconds, 1, "")
    active = _active_deadline(spec["activeDeadlineSeconds"], policy.max_seconds - kept)
    wall = _asked(asked, kept, policy.max_seconds)
    if wall is None:
        default = min(policy.max_seconds, policy.default_seconds + max(0, grace_seconds - DEFAULT_GRACE))
        wall = default if active is None else active + kept
    deadline = wall - kept
    if active is not None and active <= deadline:
        return Limits(grace_seconds, wall, active, OWN_DEADLINE)
    return Limits(grace_seconds, wall, deadline, f"the pod came to the end of its job's wall time of {wall} s")


def _active_deadline(node: Node, longest: int) -> int | None:
    seconds = node.number()
    if seconds is None:
        return None
    if not 1 <= seconds <= longest:
        node.reject(f"a deadline of {seconds} s can't be given at this site: use 1 to {longest}")
        return None
    return seconds


def _asked(node: Node, kept: int, longest: int) -> int | None:
    text = node.text()
    if not text:
        return None
    seconds = duration(text)
    if seconds is None:
        node.reject(f'"{text}" is not a duration: write seconds, or hours, minutes and seconds as in 1h30m')
    elif not kept < seconds <= longest:
        node.reject(f"a wall time of {seconds} s can't be given at this site: use {kept + 1} to {longest}")
        return None
    return seconds


def duration(text: str) -> int | None:
    """Seconds in `90`, `90s`, `15m`, `1h30m`; None for anything else."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    found = GO_DURATION.fullmatch(text)
    if found is None or not text:
        return None
    return 3600 * int(found["h"] or 0) + 60 * int(found["m"] or 0) + int(found["s"] or 0)
