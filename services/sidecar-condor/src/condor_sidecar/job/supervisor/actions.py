"""What the life cycle decides is to be done. Plain data: the supervisor carries it out."""

from typing import NamedTuple, Union

STARTUP, READINESS, LIVENESS = "startup", "readiness", "liveness"  # the probes of a container
POST_START, PRE_STOP = "post_start", "pre_stop"  # its hooks
PROBES, HOOKS = (STARTUP, READINESS, LIVENESS), (POST_START, PRE_STOP)  # each the name of the plan's field


class Prepare(NamedTuple):
    """Get this container ready in the background."""

    name: str


class Start(NamedTuple):
    """Start this container, which is ready."""

    name: str


class Signal(NamedTuple):
    """Send this signal to this container."""

    name: str
    signum: int


class Attempt(NamedTuple):
    """Try this probe or hook of this container's run number `run`, for `timeout` seconds at most."""

    name: str
    what: str
    run: int
    timeout: float


class Finish(NamedTuple):
    """Nothing is left to do."""


Action = Union[Prepare, Start, Signal, Attempt, Finish]
