"""Logs in CRI format: stamps, partial lines, both streams, sizes."""

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.supervisor.channel_logs import NEXT, NO_LOG, LogReader, Run
from condor_sidecar.job.supervisor.logs import CHUNK, LineFramer, LogFile, stamp
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sidecar.supervisor.jobs import Job, by_name, pod, shell, text

CRI = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) [FP] [^\n]*\n")


def joined(lines: list[bytes]) -> bytes:
    """What the container wrote, out of its CRI lines."""
    parts = [line[:-1].split(b" ", 3) for line in lines]
    return b"".join(part[3] + (b"\n" if part[2] == b"F" else b"") for part in parts)


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"x", b"\n") * 997)))
def test_whatever_a_container_writes_can_be_put_together_again(pieces: list[bytes]) -> None:
    framer = LineFramer("stdout")
    lines = [line for piece in pieces for line in framer.feed(piece, 0.0)] + framer.end(0.0)
    assert joined(lines) == b"".join(pieces)
    for line in lines:
        assert CRI.fullmatch(line)
        assert len(line) <= CHUNK + 50


def test_the_parts_of_a_long_line_are_marked() -> None:
    lines = LineFramer("stderr").feed(b"a" * (2 * CHUNK) + b"b\n", 0.0)
    assert [line.split(b" ")[1:3] for line in lines] == [[b"stderr", b"P"], [b"stderr", b"P"], [b"stderr", b"F"]]


def test_an_end_without_a_newline_is_a_partial_line() -> None:
    framer = LineFramer("stdout")
    assert framer.feed(b"prompt> ", 0.0) == []
    assert framer.end(0.0) == [b"1970-01-01T00:00:00.000000000Z stdout P prompt> \n"]
    assert framer.end(0.0) == []


def test_stamps_are_rfc_3339_with_nine_digits() -> None:
    assert stamp(1700000000.25) == "2023-11-14T22:13:20.250000000Z"


def line(number: int) -> bytes:
    return b"2023-11-14T22:13:20.250000000Z stdout F line %06d\n" % number


@pytest.mark.parametrize("count", [0, 1, 50, 100, 150, 250, 1000])
def test_a_log_keeps_its_head_and_its_tail_within_the_limit(tmp_path: Path, count: int) -> None:
    limit = 100 * len(line(0))
    log = LogFile(str(tmp_path / "log"), limit)
    for number in range(count):
        log.write(line(number))
    content = log.content()
    if count <= 100:
        assert content == b"".join(line(number) for number in range(count))
        return
    kept = [int(found) for found in re.findall(rb"line (\d+)", content)]
    left_out = re.search(rb" stderr F \[(\d+) bytes of log are left out here\]\n", content)
    assert left_out is not None
    assert kept[0] == 0 and kept[-1] == count - 1, "beginning and end are there"
    assert kept == sorted(kept)
    assert int(left_out.group(1)) == (count - len(kept)) * len(line(0))
    assert limit * 0.6 <= len(content) <= limit + 100
    assert all(CRI.fullmatch(each) for each in content.splitlines(keepends=True))


def test_the_last_lines_come_as_text(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"), 10_000)
    log.write(line(1))
    log.write(b"2023-11-14T22:13:20.250000000Z stderr P par\n")
    log.write(b"2023-11-14T22:13:20.250000000Z stderr F tial\n")
    assert log.last_lines(2, 100) == b"partial\n"
    assert log.last_lines(80, 4) == b"ial\n"


def test_both_outputs_are_logged_with_their_names(tmp_path: Path) -> None:
    result = Job(tmp_path, pod(shell("a", "echo out; echo err >&2; printf 'no end'"))).run()
    lines = result.logs["a"].splitlines(keepends=True)
    assert all(CRI.fullmatch(each) for each in lines)
    assert sorted(each.split(b" ", 1)[1] for each in lines) == [
        b"stderr F err\n",
        b"stdout F out\n",
        b"stdout P no end\n",
    ]


@pytest.mark.parametrize("behind", [True, False])
def test_who_reads_a_log_that_is_deleted_is_told_so_and_of_what_is_missing(tmp_path: Path, behind: bool) -> None:
    log = LogFile(str(tmp_path / "log"), 1 << 20)
    lines = b"".join(line(number) for number in range(5000))
    for number in range(5000):
        log.write(line(number))
    seen, found, goes_on, end = threading.Event(), list[bytes](), threading.Event(), list[Any]()
    ended = threading.Event()

    def send(_kind: int, data: bytes) -> None:
        found.append(data[NEXT.size :])
        if behind or len(b"".join(found)) == len(lines):
            seen.set()
        if behind:
            goes_on.wait(10)

    def on_end(*words: Any) -> None:
        end.extend(words)
        ended.set()

    LogReader(Run(0, log), 0, True, send, on_end)
    assert seen.wait(10)
    log.end()
    log.delete()
    goes_on.set()
    assert ended.wait(10)
    if not behind:
        assert (b"".join(found), end[0]) == (lines, None)
        return
    assert end[:2] == [None, NO_LOG]
    first, gap = found
    assert lines.startswith(first)
    assert CRI.fullmatch(gap)
    assert b"[%d bytes of log are left out here]" % (len(lines) - len(first)) in gap


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    result = Job(tmp_path, pod(shell("a", r"printf '\377\000\033[1m\r\n'"))).run()
    assert result.logs["a"].endswith(b" stdout F \xff\x00\x1b[1m\r\n")


def test_a_shouting_container_is_cut_in_the_stream_and_in_the_result_but_runs_to_its_end(tmp_path: Path) -> None:
    shout = "i=0; while [ $i -lt 3000 ]; do echo 'shout shout shout shout shout'; i=$((i+1)); done; echo last"
    job = Job(
        tmp_path,
        pod(
            shell("loud", shout),
            shell("quiet", "sleep 1; echo quiet"),
            kept_log_bytes=50_000,
            streamed_log_bytes=20_000,
        ),
    )
    result = job.run()
    assert by_name(result)["loud"].exit_code == 0
    assert len(result.logs["loud"]) <= 50_200
    assert result.logs["loud"].endswith(b"stdout F last\n")
    streamed = job.seen()
    assert streamed is not None
    assert sum(len(log) for log in streamed.logs.values()) <= 20_400
    assert b"comes when the pod ends" in streamed.logs["loud"]
    assert streamed.containers == result.containers, "states go on"
    assert text(result, "quiet") == "quiet\n"


def test_a_container_can_t_forge_records(tmp_path: Path) -> None:
    forged = 'S {"version":1,"phase":"ended","revision":9,"containers":[]}'
    result = Job(tmp_path, pod(shell("a", f"echo '{forged}'; printf '\\nL b x'"))).run()
    assert list(by_name(result)) == ["a"]
    assert forged in text(result, "a")
