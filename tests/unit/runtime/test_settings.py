"""A configuration is refused once, with everything that is wrong with it."""

from pathlib import Path

import pydantic
import pytest
from service_runtime.settings import Section, SettingsError, load_settings, parse_settings


class Inner(Section):
    port: int = pydantic.Field(ge=1)


class Outer(Section):
    name: str
    inner: Inner
    items: list[Inner] = []


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text)
    return path


def test_all_problems_are_told_at_once_with_their_key_paths(tmp_path: Path) -> None:
    path = write(tmp_path, "inner: {port: 0, prot: 1}\nitems: [{port: 1}, {port: x}]\nnmae: a\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(Outer, path)
    assert sorted(p.key for p in caught.value.problems) == ["inner.port", "inner.prot", "items[1].port", "name", "nmae"]
    assert str(path) in str(caught.value)
    assert "name: required, but missing" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"), [("- a\n", "not keys and values"), ("a: [", "not YAML"), ("a: \x00", "not YAML")]
)
def test_a_file_that_holds_no_settings_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(Outer, write(tmp_path, text))


def test_a_missing_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings(Outer, tmp_path / "none.yaml")


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\ninner: {port: 1}\n")
    assert load_settings(Outer, path, {"inner.port": "7", "name": "b"}) == Outer(name="b", inner=Inner(port=7))


def test_unknown_keys_of_foreign_files_are_dropped_and_the_rest_is_still_checked(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nstranger: 1\ninner: {port: 1, other: 2}\n")
    assert load_settings(Outer, path, unknown="warn").inner.port == 1
    bad = write(tmp_path, "stranger: 1\ninner: {port: 1}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(Outer, bad, unknown="warn")
    assert [p.key for p in caught.value.problems] == ["name"]


def test_the_given_data_are_left_as_they_are() -> None:
    data = {"name": "a", "inner": {"port": 1, "other": 2}}
    parse_settings(Outer, data, "test", {"inner.port": "9"}, unknown="warn")
    assert data == {"name": "a", "inner": {"port": 1, "other": 2}}
