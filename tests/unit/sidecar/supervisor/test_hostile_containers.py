"""A container can do what it likes with the files in which it leaves its last words: only it and its words suffer from that."""

import os
import stat
from pathlib import Path

import pytest
from condor_sidecar.job.supervisor import mounts, plan, start_folder
from condor_sidecar.model.result import JobPhase

from tests.unit.sidecar.supervisor.jobs import Job, by_name, pod, shell

SECRET = b'{"auths": {"registry": {"auth": "kaninchen"}}}'

FORGERIES = {
    "a link to a secret": "ln -s ../../../images/registry/login $FILE",
    "a link to itself": "ln -s $FILE $FILE",
    "a FIFO that nobody writes to": "mkfifo $FILE",
    "a directory": "mkdir $FILE",
    "nothing": ":",
}


@pytest.mark.parametrize("name", [start_folder.MESSAGE, start_folder.STATUS])
@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_what_a_container_puts_in_place_of_its_files_is_not_followed(tmp_path: Path, name: str, forgery: str) -> None:
    file = tmp_path / "pod/containers/a/start" / name
    main = shell("a", f"FILE={file}; until [ -s {file.parent}/status ]; do :; done; rm $FILE; {forgery}; exit 0")
    job = Job(tmp_path, pod(main, shell("b", "echo b; exit 3")), files={f"{plan.REGISTRY}/login": SECRET})
    result = job.run()
    assert (result.phase, result.reason) == (JobPhase.ENDED, "")
    assert by_name(result)["b"].exit_code == 3
    ended = by_name(result)["a"]
    assert "kaninchen" not in ended.message
    if name == start_folder.MESSAGE:
        assert (ended.exit_code, ended.message) == (0, "")


def test_a_container_gets_the_folder_it_starts_from_to_read_and_only_its_own_files_to_write(tmp_path: Path) -> None:
    job = Job(tmp_path, pod(shell("a", "exit 0")))
    job.run()
    seen = job.calls()[0]["mounts"]
    start = mounts.START_FOLDER
    assert {path for path, mount in seen.items() if path.startswith(start) and not mount["ro"]} == {
        f"{start}/{name}" for name in (start_folder.STATUS, start_folder.MESSAGE, start_folder.NOTES)
    }
    assert seen[start]["ro"]
    paths = list(seen)
    assert all(paths.index(start) < paths.index(path) for path in paths if path.startswith(start + "/"))


@pytest.mark.parametrize("planted", ["link", "file", "directory"])
def test_nothing_is_written_over_what_is_there(tmp_path: Path, planted: str) -> None:
    outside, path = tmp_path / "outside", tmp_path / "new"
    outside.write_bytes(b"precious")
    outside.chmod(0o640)
    {"link": lambda: path.symlink_to(outside), "file": lambda: path.write_bytes(b"x"), "directory": path.mkdir}[
        planted
    ]()
    with pytest.raises(FileExistsError):
        start_folder.create(str(path), b"program", 0o500)
    assert (outside.read_bytes(), stat.S_IMODE(outside.stat().st_mode)) == (b"precious", 0o640)


def test_a_new_file_has_its_content_and_mode(tmp_path: Path) -> None:
    start_folder.create(str(tmp_path / "new"), b"program", 0o500)
    assert (tmp_path / "new").read_bytes() == b"program"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o500


def test_only_so_much_of_a_regular_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    assert start_folder.read(str(path), 4) == b"abcd"
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", "missing", "."):
        assert start_folder.read(str(tmp_path / name), 4) == b""
