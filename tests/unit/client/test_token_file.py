"""The token's file is whole, its owner's alone, and says what it is without a second copy of the token."""

import os
import stat
import threading
from pathlib import Path

import pytest
from highrate.tokens import token_file
from highrate.tokens.answer import Granted
from highrate.tokens.token_file import Note


def token(text: str = "token-1") -> Granted:
    return Granted(text, "storage", "storage.read:/", "any", 1000.0)


def test_it_holds_the_bare_token_for_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "run" / "bt_u1000"
    before = os.umask(0)
    try:
        token_file.write(place, token())
    finally:
        os.umask(before)
    assert place.read_text() == "token-1"
    assert {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in place.parent.iterdir()} == {
        "bt_u1000": 0o600,
        "bt_u1000.json": 0o600,
    }
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_the_note_tells_of_the_token_and_does_not_hold_it(tmp_path: Path) -> None:
    place = tmp_path / "bt_u1000"
    token_file.write(place, token())
    assert token_file.read_note(place) == Note("storage", "storage.read:/", "any", 1000.0)
    assert "token-1" not in (tmp_path / "bt_u1000.json").read_text()


def test_a_note_is_not_taken_for_another_tokens(tmp_path: Path) -> None:
    place = tmp_path / "bt_u1000"
    assert token_file.read_note(place) is None
    token_file.write(place, token())
    place.write_text("somebody-elses")
    assert token_file.read_note(place) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": 1}', "\x00", '{"sha256": "x", "other": 1}'])
def test_a_broken_note_is_none(tmp_path: Path, content: str) -> None:
    place = tmp_path / "bt_u1000"
    token_file.write(place, token())
    (tmp_path / "bt_u1000.json").write_text(content)
    assert token_file.read_note(place) is None


@pytest.mark.parametrize("expires_at", ['"soon"', "null", "true", "1e400", "NaN", "9" * 400])
def test_a_note_with_what_is_no_time_is_none(tmp_path: Path, expires_at: str) -> None:
    place = tmp_path / "bt_u1000"
    token_file.write(place, token())
    note = tmp_path / "bt_u1000.json"
    note.write_text(note.read_text().replace("1000.0", expires_at))
    assert token_file.read_note(place) is None


def test_readers_see_one_whole_token_or_the_other(tmp_path: Path) -> None:
    place = tmp_path / "bt_u1000"
    wanted = {letter * 4000 for letter in "ab"}
    token_file.write(place, token("a" * 4000))
    done = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(place.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        token_file.write(place, token("ab"[number % 2] * 4000))
    done.set()
    reader.join()
    assert seen <= wanted
    assert not list(tmp_path.glob(".*"))


def test_who_has_the_old_file_open_reads_the_old_token(tmp_path: Path) -> None:
    place = tmp_path / "bt_u1000"
    token_file.write(place, token("old"))
    with place.open() as held:
        token_file.write(place, token("new"))
        assert held.read() == "old"
    assert place.read_text() == "new"


def test_a_failed_write_leaves_the_old_token_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "bt_u1000"
    place.mkdir()
    with pytest.raises(OSError):
        token_file.write(place, token())
    assert [entry.name for entry in tmp_path.iterdir()] == ["bt_u1000"]


def test_what_a_killed_writer_left_is_swept_and_nothing_else_is(tmp_path: Path) -> None:
    for name in (".bt_u1000.x7", ".bt_u1000.json.x7", "bt_u1000", "x509up_u1000", ".bt_u2000.x7"):
        (tmp_path / name).touch()
    token_file.sweep(tmp_path / "bt_u1000")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".bt_u2000.x7", "bt_u1000", "x509up_u1000"]


def test_what_cant_be_swept_is_told_and_stays(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".bt_u1000.x7").mkdir()
    token_file.sweep(tmp_path / "bt_u1000")
    assert ".bt_u1000.x7" in capfd.readouterr().err


def test_removing_takes_both_and_needs_neither(tmp_path: Path) -> None:
    place = tmp_path / "bt_u1000"
    token_file.write(place, token())
    token_file.remove(place)
    assert not list(tmp_path.iterdir())
    token_file.remove(place)
