"""Reads what a job says about its pod: `out.tar`, the streamed standard output, the `ChirpIL` attribute.

All three come from a worker node, where a user's code ran beside the supervisor: nothing in them is trusted further than the pod
they are about. Records are checked field by field, names are only compared, and sizes are limited by the caller's transfer.
"""

import io
import re
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from condor_sidecar.model.plan import ContainerKind, PlannedContainer
from condor_sidecar.model.result import ContainerResult, ContainerState, JobPhase, JobResult, UnreadableResult

STATE_FILE = "state.json"
LOG_FILE = re.compile(r"logs/([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)\.log")
Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")]
ExitCode = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _Container(msgspec.Struct):
    """A container in the record, as the supervisor writes it."""

    name: str
    kind: ContainerKind
    state: ContainerState
    reason: str = ""
    message: str = ""
    started: Time | None = None
    finished: Time | None = None
    exit_code: ExitCode | None = None
    signal: int | None = None
    image: str = ""
    image_id: str = ""


class _Record(msgspec.Struct):
    """The record of the pod, as the supervisor writes it."""

    version: int
    phase: JobPhase
    revision: int
    containers: list[_Container]
    uid: str = ""
    reason: str = ""
    message: str = ""
    host: str = ""
    address: str = ""


def parse_out_tar(data: bytes) -> JobResult:
    """The record and the logs in `out.tar`. Raises UnreadableResult."""
    logs: dict[str, bytes] = {}
    record = None
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None:
                    continue
                if member.name == STATE_FILE:
                    record = content.read()
                elif found := LOG_FILE.fullmatch(member.name):
                    logs[found.group(1)] = content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UnreadableResult(f"out.tar can't be read: {error}") from error
    if record is None:
        raise UnreadableResult(f"out.tar holds no {STATE_FILE}")
    return _result(record, logs)


def parse_stream(data: bytes) -> JobResult | None:
    """The newest record in the supervisor's standard output so far, with the log lines seen; None before the first one.

    The last line may be cut: it is left out, and complete the next time. Raises UnreadableResult.
    """
    record, logs = None, dict[str, list[bytes]]()
    for line in data.split(b"\n")[:-1]:
        kind, _, rest = line.partition(b" ")
        if kind == b"S":
            record = rest
        elif kind == b"L":
            name, _, text = rest.partition(b" ")
            logs.setdefault(name.decode("ascii", "replace"), []).append(text + b"\n")
    if record is None:
        return None
    return _result(record, {name: b"".join(lines) for name, lines in logs.items()})


def parse_chirp(value: str, containers: Sequence[PlannedContainer]) -> JobResult | None:
    """The record in the `ChirpIL` attribute (no messages, no logs), None for a value that isn't one for these containers."""
    version, *rest = value.split(";")
    if version != "1" or len(rest) != 3 + len(containers):
        return None
    revision, phase, reason, *states = rest
    try:
        found = tuple(_compact_container(container, state) for container, state in zip(containers, states, strict=True))
        return JobResult(JobPhase(phase), found, int(revision), reason)
    except (ValueError, OverflowError):
        return None


def _compact_container(container: PlannedContainer, text: str) -> ContainerResult:
    """One container of the compact record. Raises ValueError."""
    result = ContainerResult(container.name, container.kind, image=container.image)
    match text.split(":"):
        case ["w"]:
            return result
        case ["r", started]:
            return replace(result, state=ContainerState.RUNNING, started=_time(started))
        case ["t", code, started, finished, reason] if 0 <= int(code) <= 255 and reason.isalpha():
            times = replace(result, started=_time(started), finished=_time(finished))
            return replace(times, state=ContainerState.TERMINATED, exit_code=int(code), reason=reason)
        case _:
            raise ValueError(text)


def _time(seconds: str) -> str | None:
    """Seconds since 1970 as RFC 3339; None for 0. Raises ValueError."""
    if int(seconds) == 0:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _result(text: bytes, logs: dict[str, bytes]) -> JobResult:
    try:
        record = msgspec.json.decode(text, type=_Record)
    except msgspec.DecodeError as error:
        raise UnreadableResult(f"the supervisor's record can't be read: {error}") from error
    for container in record.containers:
        if (container.state is ContainerState.TERMINATED) != (container.exit_code is not None):
            raise UnreadableResult(
                f"container {container.name} is {container.state} with exit code {container.exit_code}"
            )
    return JobResult(
        record.phase,
        tuple(ContainerResult(**msgspec.structs.asdict(container)) for container in record.containers),
        record.revision,
        record.reason,
        record.message,
        record.host,
        record.address,
        logs,
    )
