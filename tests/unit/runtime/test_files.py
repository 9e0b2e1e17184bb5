"""Files are replaced whole, with the asked mode, and nothing is left behind on failure."""

import stat
from pathlib import Path

import pytest
from service_runtime.files import read_token, write_atomically


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_with_the_asked_mode(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "token"
    write_atomically(path, b"one", 0o644)
    before = path.stat().st_ino
    write_atomically(path, b"two", 0o600, durable)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_ino != before, "written in place: a reader could see a part of it"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "keep").touch()
    with pytest.raises(IsADirectoryError):
        write_atomically(folder, b"a folder can't be replaced by a file")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(("content", "token"), [("abc\n", "abc"), ("\n abc \r\n", "abc"), ("", ""), ("\n", "")])
def test_a_token_is_read_without_what_surrounds_it(tmp_path: Path, content: str, token: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    assert read_token(path) == token
