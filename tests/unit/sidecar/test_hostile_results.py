"""What a user's code can put where the supervisor's output is expected: it costs its own pod, and nobody else."""

import gzip
import io
import json
import tarfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from condor_sidecar.core import result
from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.policy import LogLimits, Policy
from condor_sidecar.core.result import parse_out_tar, parse_stream
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.model.plan import Plan
from condor_sidecar.model.result import UnreadableResult

from tests.unit.sidecar.compile.pods import container, job_of, pod, request

STATE = json.dumps({"version": 1, "phase": "ended", "revision": 1, "containers": []}).encode()
LINE = b"2026-01-01T00:00:01Z stdout F x\n"


def tar(members: Iterable[tuple[str, bytes]], **changes: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in changes.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def with_hole(size: int) -> bytes:
    """An archive of a few kilobytes with a file of `size` bytes, as GNU tar --sparse writes it."""
    buffer = io.BytesIO(tar([("state.json", STATE), ("logs/c.log", LINE)]))
    header = tarfile.TarInfo("logs/c.log")
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (size, 0)  # one piece of data: none, at the end
    block[483:495] = b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    data = buffer.getvalue()
    at = data.index(b"logs/c.log")
    return data[:at] + bytes(block) + bytes(1024)


def test_logs_come_of_the_pod_s_own_containers_alone() -> None:
    found = parse_out_tar(io.BytesIO(tar([("state.json", STATE), ("logs/other.log", LINE)])), ["c"])
    assert found.logs == {}
    stream = b"S " + STATE + b"\nL other " + LINE + b"L ../../../evil " + LINE + b"L c " + LINE
    streamed = parse_stream(stream, ["c"])
    assert streamed is not None
    assert streamed.logs == {"c": LINE}


def test_no_name_in_a_stream_is_a_path(tmp_path: Path) -> None:
    store = OutputStore(tmp_path / "data")
    store.prepare()
    store.sandbox("u").mkdir()
    (store.sandbox("u") / "supervisor.out").write_bytes(b"S " + STATE + b"\nL ../../../evil " + LINE)
    store.keep_sandbox("u", ["c"])
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_hole(300 << 20), "with holes"),
        (gzip.compress(tar([("state.json", STATE)])), "can't be read"),
        (tar([("state.json", STATE), *((f"x{number}", b"") for number in range(5))]), "more files"),
        (tar([("state.json", b" " * (result.MOST_STATE_BYTES + 1))]), "state.json has more"),
        (tar([("state.json", STATE)], type=tarfile.DIRTYPE), "no state.json"),
        (tar([("state.json", b"")], type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no state.json"),
    ],
)
def test_what_no_supervisor_writes_is_refused(data: bytes, words: str) -> None:
    tracemalloc.start()
    with pytest.raises(UnreadableResult, match=words):
        parse_out_tar(io.BytesIO(data), ["c"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def state(**fields: object) -> bytes:
    container = {"name": "c", "kind": "main", "state": "running", "started": "2026-01-01T00:00:01Z"}
    record = {"version": 1, "phase": "running", "revision": 1, "containers": [container | fields.pop("of_c", {})]}  # type: ignore[operator]
    return json.dumps(record | fields).encode()


EVENT = {
    "number": 1,
    "time": "2026-01-01T00:00:01Z",
    "kind": "Normal",
    "reason": "Pulled",
    "message": "x",
    "container": "c",
}


@pytest.mark.parametrize(
    "record",
    [
        state(of_c={"restart_count": -1}),
        state(of_c={"restart_count": 10**9}),
        state(of_c={"ready": "yes"}),
        state(of_c={"last": {"exit_code": 256, "reason": "Error"}}),
        state(of_c={"last": {"exit_code": None, "reason": "Error"}}),
        state(of_c={"last": {"exit_code": 1, "reason": "<b>"}}),
        state(of_c={"last": {"exit_code": 1, "reason": "Error", "started": "yesterday"}}),
        state(events=[EVENT | {"number": 0}]),
        state(events=[EVENT | {"kind": "Odd"}]),
        state(events=[EVENT | {"reason": "two words"}]),
        state(events=[EVENT | {"message": "x" * 5000}]),
        state(events=[EVENT | {"time": "now"}]),
    ],
)
def test_a_record_that_no_supervisor_writes_is_refused(record: bytes) -> None:
    with pytest.raises(UnreadableResult):
        parse_out_tar(io.BytesIO(tar([("state.json", record)])), ["c"])


def test_of_many_events_the_latest_few_are_taken() -> None:
    events = [EVENT | {"number": number} for number in range(1, 1000)]
    found = parse_out_tar(io.BytesIO(tar([("state.json", state(events=events))])), ["c"])
    assert [each.number for each in found.events] == list(range(980, 1000))


def test_the_log_of_the_run_before_comes_beside_the_latest_one() -> None:
    members = [("state.json", STATE), ("logs/c.log", LINE), ("logs/c.previous.log", LINE * 2)]
    found = parse_out_tar(io.BytesIO(tar([*members, ("logs/d.previous.log", LINE)])[:]), ["c", "x"])
    assert found.logs == {"c": LINE, "c.previous": LINE * 2}
    stream = b"S " + STATE + b"\nR other\nL c " + LINE + b"R c\nL c " + LINE + b"R c\nL c " + LINE * 1
    streamed = parse_stream(stream, ["c"])
    assert streamed is not None
    assert streamed.logs == {"c": LINE, "c.previous": LINE}


def test_all_logs_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "MOST_LOG_BYTES", 150)
    members = [("state.json", STATE), *((f"logs/{name}.log", b"x" * 100) for name in "ab")]
    found = parse_out_tar(io.BytesIO(tar(members)), ["a", "b"])
    assert {name: len(log) for name, log in found.logs.items()} == {"a": 100, "b": 50}


def test_a_stream_of_many_short_lines_takes_no_more_memory_than_its_bytes() -> None:
    stream = b"S " + STATE + b"\n" + b"L c x\n" * 500_000
    tracemalloc.start()
    found = parse_stream(stream, ["c"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert len(found.logs["c"]) == 1_000_000
    assert peak < 2 * len(stream)


@pytest.mark.parametrize(("containers", "each"), [(1, 1000), (3, 1000), (4, 750), (30, 100)])
def test_a_pod_s_containers_share_what_is_kept_of_its_logs(containers: int, each: int) -> None:
    policy = Policy(logs=LogLimits(kept_bytes=1000, kept_pod_bytes=3000))
    wanted = pod(*(container(f"c{number}") for number in range(containers)))
    plan = compile_pod(request(wanted), policy)
    assert isinstance(plan, Plan)
    assert job_of(plan).kept_log_bytes == each
