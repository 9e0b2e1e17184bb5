"""One job as the schedd describes it: the few attributes that the sidecar reads, typed.

Everything but the id can be missing: an attribute that was never set, or that is undefined now, is None.
"""

from enum import IntEnum

import msgspec


class JobStatus(IntEnum):
    """HTCondor's `JobStatus` (manual, job ClassAd attributes)."""

    IDLE = 1
    RUNNING = 2
    REMOVED = 3
    COMPLETED = 4
    HELD = 5
    TRANSFERRING_OUTPUT = 6
    SUSPENDED = 7


HOLD_SPOOLING = 16  # HoldReasonCode of a job whose input the client hasn't delivered yet
NOT_STAGED = (
    "Staging of job files failed"  # RemoveReason of one whose client left in the middle of that (HTCondor 23.9)
)


class JobAd(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds since the epoch by the schedd's clock."""

    cluster: int = msgspec.field(name="ClusterId")
    proc: int = msgspec.field(name="ProcId")
    uid: str = msgspec.field(name="InterlinkPodUID")
    status: int = msgspec.field(name="JobStatus")
    generation: int = msgspec.field(name="InterlinkGeneration", default=1)
    plan_hash: str | None = msgspec.field(name="InterlinkPlanHash", default=None)
    containers: str | None = msgspec.field(name="InterlinkContainers", default=None)
    namespace: str | None = msgspec.field(name="InterlinkNamespace", default=None)
    name: str | None = msgspec.field(name="InterlinkPodName", default=None)
    grace_seconds: int | None = msgspec.field(name="InterlinkGraceSeconds", default=None)
    wall_seconds: int | None = msgspec.field(name="InterlinkWallSeconds", default=None)
    state: str | None = msgspec.field(name="ChirpIL", default=None)
    fetched: bool | None = msgspec.field(name="InterlinkFetched", default=None)
    entered_status: int | None = msgspec.field(name="EnteredCurrentStatus", default=None)
    queued: int | None = msgspec.field(name="QDate", default=None)
    first_started: int | None = msgspec.field(name="JobStartDate", default=None)
    started: int | None = msgspec.field(name="JobCurrentStartDate", default=None)
    executing: int | None = msgspec.field(name="JobCurrentStartExecutingDate", default=None)
    completed: int | None = msgspec.field(name="CompletionDate", default=None)
    starts: int | None = msgspec.field(name="NumJobStarts", default=None)
    hold_reason: str | None = msgspec.field(name="HoldReason", default=None)
    hold_code: int | None = msgspec.field(name="HoldReasonCode", default=None)
    hold_subcode: int | None = msgspec.field(name="HoldReasonSubCode", default=None)
    hold_copied: bool | None = msgspec.field(name="HoldCopiedFromTargetJob", default=None)
    remove_reason: str | None = msgspec.field(name="RemoveReason", default=None)
    exit_code: int | None = msgspec.field(name="ExitCode", default=None)
    exit_by_signal: bool | None = msgspec.field(name="ExitBySignal", default=None)
    exit_signal: int | None = msgspec.field(name="ExitSignal", default=None)
    staged: int | None = msgspec.field(name="StageInFinish", default=None)
    host: str | None = msgspec.field(name="RemoteHost", default=None)
    last_host: str | None = msgspec.field(name="LastRemoteHost", default=None)
    routed_to: str | None = msgspec.field(name="RoutedToJobId", default=None)
    user_cpu: int | None = msgspec.field(name="RemoteUserCpu", default=None)
    system_cpu: int | None = msgspec.field(name="RemoteSysCpu", default=None)
    resident_kib: int | None = msgspec.field(name="ResidentSetSize", default=None)
    disk_kib: int | None = msgspec.field(name="DiskUsage", default=None)

    @property
    def job_id(self) -> str:
        """The id that HTCondor's own tools take."""
        return f"{self.cluster}.{self.proc}"

    @property
    def usage(self) -> tuple[int | None, ...]:
        """What the worker node measured last: CPU seconds, then KiB of memory and of disk."""
        return self.user_cpu, self.system_cpu, self.resident_kib, self.disk_kib

    @property
    def spooling(self) -> bool:
        """Committed, but its input isn't there yet."""
        return self.status == JobStatus.HELD and self.hold_code == HOLD_SPOOLING

    @property
    def has_started(self) -> bool:
        """The supervisor ran at least once; a second run would be a second run of the pod."""
        return self.left_a_start or self.status in (
            JobStatus.RUNNING,
            JobStatus.COMPLETED,
            JobStatus.TRANSFERRING_OUTPUT,
        )

    @property
    def left_a_start(self) -> bool:
        """It started, whatever it does now.

        A compute element's router misses the count of starts of a job that ran for seconds; it brings the date back.
        """
        return bool(self.starts) or (self.routed_to is not None and self.first_started is not None)

    @property
    def input_failed(self) -> bool:
        """The schedd removed it itself, since its input did not arrive whole: it never started and never will."""
        return self.status == JobStatus.REMOVED and not self.left_a_start and self.remove_reason == NOT_STAGED


_KINDS = {
    field.encode_name: next(kind for kind in (bool, int, str) if kind.__name__ in str(field.type))
    for field in msgspec.structs.fields(JobAd)
}

PROJECTION: tuple[str, ...] = tuple(_KINDS)
"""What a query asks for."""


def typed_attributes(attributes: dict[str, object]) -> dict[str, int | str | bool]:
    """Those of `attributes` that JobAd reads and that have the type it expects; HTCondor allows any type anywhere."""
    kept: dict[str, int | str | bool] = {}
    for name, kind in _KINDS.items():
        value = attributes.get(name)
        if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
            kept[name] = value
        elif kind is int and isinstance(value, float):
            kept[name] = int(value)
    return kept
