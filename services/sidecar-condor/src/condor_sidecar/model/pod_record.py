"""What the sidecar remembers of a pod it accepted, as the journal keeps it: everything but the payload."""

import msgspec

from condor_sidecar.model.plan import ContainerKind, PlannedContainer


class ContainerRecord(msgspec.Struct, frozen=True):
    """A container as the pod lists it; `image` is the pod's own spelling, `probes` as in PlannedContainer."""

    name: str
    kind: ContainerKind
    image: str = ""
    probes: str = ""

    def planned(self) -> PlannedContainer:
        """The same, as the result parsers take it."""
        return PlannedContainer(self.name, self.kind, self.image, self.probes)


class PodRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted pod.

    `submit` is the plan's submit description. `generation` counts the jobs made for this pod: a second one is only
    ever made when the first one never started. `attempted` is journaled before a job is sent, so that after a crash
    "certainly not submitted" can be told from "maybe submitted". `accepted_at` is seconds since the epoch. `channel`: whether
    the job was told of the job channel; None for a pod that only the schedd remembered. `ephemeral` are the containers that were
    sent to the job while it ran.
    """

    uid: str
    namespace: str
    name: str
    submit: dict[str, str]
    containers: tuple[ContainerRecord, ...]
    grace_seconds: int
    wall_seconds: int
    plan_hash: str
    accepted_at: float
    generation: int = 1
    attempted: bool = False
    request: str = ""
    channel: bool | None = None
    ephemeral: tuple[ContainerRecord, ...] = ()

    @property
    def jid(self) -> str:
        """The job id that Kubernetes sees: stable, whatever happens to the job."""
        return f"il-{self.uid}"


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """A delete that was answered and has to be carried out; kept for a while after that, to refuse a late create.

    `grace_seconds` is the delete's own grace period, None: the pod's.
    """

    uid: str
    accepted_at: float
    grace_seconds: int | None = None
    done_at: float | None = None
    request: str = ""
