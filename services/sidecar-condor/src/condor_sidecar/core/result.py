"""Reads what a job says about its pod in full: `out.tar`, the streamed standard output.

Both come from a worker node, where a user's code ran beside the supervisor: nothing in them is trusted further than the pod
they are about. Records are checked field by field, logs are taken of the pod's own containers alone, and no file of a few bytes may
become a large one here: neither packed nor with holes.
"""

import io
import re
import tarfile
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, BinaryIO, Final, Literal

import msgspec

from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.result import (
    PREVIOUS,
    ContainerResult,
    ContainerState,
    EarlierEnd,
    JobPhase,
    JobResult,
    SiteEvent,
    UnreadableResult,
)

STATE_FILE = "state.json"
MOST_STATE_BYTES: Final = 16 << 20
MOST_LOG_BYTES: Final = 80 << 20
"""Of one pod's logs together; a plan allows 64 MiB (Output.kept_pod_mib), and each log may have a last line more."""
MOST_EVENTS: Final = 20
LOG_FILE = re.compile(r"logs/(([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)(?:\.previous)?)\.log")
"""The log of a container's latest run, and of the one before; in `JobResult.logs`, the latter is called `NAME.previous`."""
Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")]
MOST_EXIT_CODE, MOST_RESTARTS = 255, 1_000_000
MOST_REVISION: Final = 10**15
LAST_MOMENT: Final = 253402300799
"""The end of the year 9999, the last that RFC 3339 can write."""
WORD: Final = r"[A-Za-z]{1,64}"
ExitCode = Annotated[int, msgspec.Meta(ge=0, le=MOST_EXIT_CODE)]
RestartCount = Annotated[int, msgspec.Meta(ge=0, le=MOST_RESTARTS)]
Word = Annotated[str, msgspec.Meta(pattern=f"^{WORD}$")]
Message = Annotated[str, msgspec.Meta(max_length=4096)]


class _End(msgspec.Struct):
    """How a container ended before it was started again."""

    exit_code: ExitCode
    reason: Word
    message: Message = ""
    signal: int | None = None
    started: Time | None = None
    finished: Time | None = None


class _Event(msgspec.Struct):
    """An event in the record."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    time: Time
    kind: Literal["Normal", "Warning"]
    reason: Word
    message: Message
    container: str = ""


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
    restart_count: RestartCount = 0
    ready: bool = False
    started_up: bool = False
    last: _End | None = None


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
    events: list[_Event] = []


def parse_out_tar(file: BinaryIO, names: Collection[str]) -> JobResult:
    """The record and the logs in `out.tar`, of a pod whose containers have these names. Raises UnreadableResult."""
    try:
        # "r:": a packed archive isn't a supervisor's
        with tarfile.open(fileobj=file, mode="r:") as archive:
            record, logs = _contents(archive, names)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise UnreadableResult(f"out.tar can't be read: {error}") from error
    if record is None:
        raise UnreadableResult(f"out.tar holds no {STATE_FILE}")
    return _result(record, logs)


def _contents(archive: tarfile.TarFile, names: Collection[str]) -> tuple[bytes | None, dict[str, bytes]]:
    """Raises UnreadableResult, and what tarfile raises."""
    logs: dict[str, bytes] = {}
    record = None
    room = MOST_LOG_BYTES
    for number, member in enumerate(archive):
        if number > 2 * len(names):
            raise UnreadableResult("out.tar holds more files than a record and two logs of each container")
        if member.issparse():
            raise UnreadableResult(f"out.tar holds the file {member.name[:100]!r} with holes")
        content = archive.extractfile(member) if member.isreg() else None
        if content is None:
            continue
        if member.name == STATE_FILE:
            if member.size > MOST_STATE_BYTES:
                raise UnreadableResult(f"{STATE_FILE} has more than {MOST_STATE_BYTES} bytes")
            record = content.read()
        elif (found := LOG_FILE.fullmatch(member.name)) and found.group(2) in names:
            log = logs[found.group(1)] = content.read(room)
            room -= len(log)
    return record, logs


def parse_record(text: bytes) -> JobResult:
    """The record as the job channel brings it. Raises UnreadableResult."""
    return _result(text, {})


def parse_stream(data: bytes, names: Collection[str]) -> JobResult | None:
    """The newest record in the supervisor's standard output so far, with the log lines seen of the containers with these names;
    None before the first record.

    The last line may be cut: it is left out, and complete the next time. Raises UnreadableResult.
    """
    record, logs = None, dict[str, bytearray]()
    known = {name.encode("ascii"): name for name in names}
    for line in io.BytesIO(data):  # not split: a list of a million lines takes many times their bytes
        if not line.endswith(b"\n"):
            break
        kind, _, rest = line.partition(b" ")
        if kind == b"S":
            record = rest
        elif kind == b"L":
            name, _, text = rest.partition(b" ")
            if name in known:
                logs.setdefault(known[name], bytearray()).extend(text)
        elif kind == b"R" and (restarted := known.get(rest.rstrip(b"\n"))):
            logs[restarted + PREVIOUS] = logs.pop(restarted, bytearray())
    if record is None:
        return None
    return _result(record, {name: bytes(lines) for name, lines in logs.items()})


def joined(saved: JobResult, streamed: JobResult) -> JobResult:
    """The newer of two records of one job, with the longer of its two logs for each container: a saved one ends with the last
    change of the pod's state, a streamed one where that became too long."""
    newer = streamed if streamed.revision > saved.revision else saved
    longer = {name: log for name, log in streamed.logs.items() if len(log) > len(saved.logs.get(name, b""))}
    return replace(newer, logs={**saved.logs, **longer})


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
        tuple(_container(container) for container in record.containers),
        record.revision,
        record.reason,
        record.message,
        record.host,
        record.address,
        logs,
        tuple(SiteEvent(**msgspec.structs.asdict(event)) for event in record.events[-MOST_EVENTS:]),
    )


def _container(found: _Container) -> ContainerResult:
    fields = msgspec.structs.asdict(found)
    last = None if found.last is None else EarlierEnd(**msgspec.structs.asdict(found.last))
    return ContainerResult(**{**fields, "last": last})
