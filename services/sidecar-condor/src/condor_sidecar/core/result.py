"""Reads what a job says about its pod: `out.tar`, the streamed standard output, the `ChirpIL` attribute."""

from collections.abc import Sequence

from condor_sidecar.model.plan import PlannedContainer
from condor_sidecar.model.result import JobResult


def parse_out_tar(data: bytes) -> JobResult:
    """The record in `out.tar`. Raises UnreadableResult."""
    raise NotImplementedError


def parse_stream(data: bytes) -> JobResult | None:
    """The newest record in the supervisor's standard output so far (its last line may be cut), None before the first one."""
    raise NotImplementedError


def parse_chirp(value: str, containers: Sequence[PlannedContainer]) -> JobResult | None:
    """The record in the `ChirpIL` attribute (no messages, no logs), None for a value that isn't one."""
    raise NotImplementedError
