"""The services image gets the locked versions of what services need, and nothing else."""

from collections.abc import Iterable

import pytest
from devcluster.locked_requirements import closure, select, split_lock

LOCK = """\
aiohttp==3.14.5 \\
    --hash=sha256:01 \\
    --hash=sha256:02
attrs==26.1.0 \\
    --hash=sha256:03
pytest==9.0 ; python_version >= "3.11" \\
    --hash=sha256:04
speedups==1.0 \\
    --hash=sha256:05
Typing_Extensions==4.16.0 \\
    --hash=sha256:06
"""
NEEDS = {
    "aiohttp": ["attrs>=17", 'typing-extensions>=4; python_version < "3.13"', 'speedups; extra == "speedups"'],
    "service": ["aiohttp"],
}


def requires(name: str) -> Iterable[str]:
    return NEEDS.get(name, [])


def test_an_entry_keeps_its_hashes() -> None:
    assert split_lock(LOCK)["aiohttp"] == "aiohttp==3.14.5 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02"


def test_only_what_is_needed_is_selected_and_never_our_own() -> None:
    selected = select(LOCK, ["service"], ["service"], requires)
    assert [line.split("==")[0] for line in selected.splitlines() if "==" in line] == ["aiohttp", "attrs"]


def test_an_extra_brings_what_it_needs() -> None:
    assert "speedups" in closure(["aiohttp[speedups]"], requires)
    assert "speedups" not in closure(["aiohttp"], requires)


def test_conditions_are_answered_for_the_images_python() -> None:
    assert "typing-extensions" in closure(["aiohttp"], requires, {"python_version": "3.12"})
    assert "typing-extensions" not in closure(["aiohttp"], requires, {"python_version": "3.13"})


def test_what_is_not_locked_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(LookupError, match=r"no requests: run `make lock`"):
        select(LOCK, ["requests"], [], requires)
