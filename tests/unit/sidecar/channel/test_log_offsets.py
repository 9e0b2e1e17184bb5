"""Whoever reads a log in parts, going on at the offsets that were given, reads each line once, but for those that are gone."""

import tempfile
from pathlib import Path
from typing import Any

from condor_sidecar.job.supervisor.logs import LogFile
from condor_sidecar.job.supervisor.plan import EMPTY, FILES, Pod, Volume
from condor_sidecar.job.supervisor.sandbox import Sandbox
from condor_sidecar.job.supervisor.update import BadUpdate, write_volumes
from hypothesis import given
from hypothesis import strategies as st

Steps = st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=60)


def line(number: int, size: int) -> bytes:
    return b"2026-01-01T00:00:00Z stdout F %d %s\n" % (number, b"x" * size)


@given(Steps, st.integers(200, 4000), st.integers(1, 1000))
def test_lines_are_read_once_and_in_order_with_gaps_marked(
    steps: list[tuple[bool, int]], limit: int, most: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = LogFile(f"{folder}/log", limit)
        written: list[bytes] = []
        read: list[bytes] = []
        offset = 0
        for reads, size in [*steps, *[(True, 0)] * 400]:
            if reads:
                data, offset = log.read(offset, max(most, 500))
                read += data.splitlines(keepends=True)
            else:
                written.append(line(len(written), size))
                log.write(written[-1])
        kept = [each for each in read if b"left out here" not in each]
        assert kept == [each for each in written if each in set(kept)]
        assert kept == written or len(kept) < len(read), "what is missing is marked"
        assert offset == sum(map(len, written))


def test_an_update_changes_all_files_of_a_volume_at_once_and_no_other_volume(tmp_path: Path) -> None:
    sandbox = Sandbox(str(tmp_path))
    pod = Pod(1, "u", "n", "p", "h", 0, "", 0, 0, 0, [], [Volume("config", FILES), Volume("scratch", EMPTY)], [])
    folder = Path(sandbox.volume("config"))
    write_volumes({"config": {"a": [0o644, "b25l"], "gone": [0o600, ""]}}, pod, sandbox)
    before = (folder / "..data").readlink()
    write_volumes({"config": {"a": [0o600, "dHdv"], "d/e": [0o644, "ZQ=="]}}, pod, sandbox)
    assert (folder / "a").read_bytes() == b"two" and (folder / "d" / "e").read_bytes() == b"e"
    assert not (folder / "gone").is_symlink()
    assert (folder / "..data").readlink() != before and not (folder / before).exists()
    hostile: list[dict[str, Any]] = [
        {"scratch": {}},
        {"config": {"../x": [0o644, ""]}},
        {"config": {"a": [0o644, "no base64"]}},
        {"config": {"a": 1}},
        {"config": {"a": [0o644, ""]}, "scratch": {}},
    ]
    for bad in hostile:
        try:
            write_volumes(bad, pod, sandbox)
        except BadUpdate:
            continue
        raise AssertionError(bad)
    assert (folder / "a").read_bytes() == b"two"
