"""What the compile step hands on: one job for one pod, as plain data.

A plan holds no decision any more. `submit` goes to HTCondor, `files` become `payload.tar` for the supervisor in the
job, the rest is what the sidecar needs to know about the job without opening the payload.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CONTAINER_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class ContainerKind(StrEnum):
    """Init containers run one after the other before the main ones, which run side by side; sidecars start in the order of the
    init containers, among which the pod lists them, and run until the main ones have ended. Ephemeral ones are in no plan: they are
    added to a pod while it runs, and what becomes of them is nothing to the pod."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"
    EPHEMERAL = "ephemeral"


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """One file of `payload.tar`: `path` is relative, checked to stay inside; `mode` has its permission bits."""

    path: str
    content: bytes
    mode: int = 0o600


@dataclass(frozen=True, slots=True)
class PlannedContainer:
    """A container of the pod, in the order in which the pod lists it: init containers first. `probes` has a letter for each
    that decides whether it is ready: r (readiness), s (startup)."""

    name: str
    kind: ContainerKind
    image: str = ""
    probes: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A pod as one HTCondor job.

    `submit` says what the pod needs of the pool; what belongs to the act of submitting (executable, folders, the
    `Interlink*` attributes, how long the job stays in the queue) is added by who submits. Its values are typed or
    constant, never a user's text, and hold neither `$` nor a control character. `grace_seconds` is the pod's
    termination grace period; `wall_seconds` the wall time that the job asks of the site (the supervisor ends the pod
    earlier). `plan_hash` names the plan's shape without its secrets, environment and arguments: job ads are public.
    """

    uid: str
    namespace: str
    name: str
    submit: Mapping[str, str]
    files: tuple[PayloadFile, ...]
    containers: tuple[PlannedContainer, ...]
    grace_seconds: int
    wall_seconds: int
    plan_hash: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """The pod can never run here: every reason at once, each a sentence that names the field and what to do."""

    reasons: tuple[str, ...]
