"""What every Containerfile under images/ keeps to, so that images build anywhere and run under the restricted standard."""

import re
from pathlib import Path

import pytest

from tests.charts.navigation import workloads
from tests.charts.rendering import ROOT, Object

CONTAINERFILES = sorted((ROOT / "images").glob("*/Containerfile"))
MADE_BY_THE_BUILDER = {"requirements.txt", "wheels"}

pytestmark = pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.parent.name)


def test_the_base_can_be_given_and_is_no_moving_tag(path: Path) -> None:
    instructions = _instructions(path)
    assert instructions[0] == ("ARG", "BASE=docker.io/library/debian:trixie-slim")
    assert {text.split()[0] for name, text in instructions if name == "FROM"} == {"${BASE}"}


def test_it_runs_as_a_number_that_is_not_root(path: Path) -> None:
    users = [text for name, text in _instructions(path) if name == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_it_installs_nothing_but_what_it_asks_for(path: Path) -> None:
    for name, text in _instructions(path):
        if name == "RUN" and "apt-get install" in text:
            assert "--no-install-recommends" in text and "rm -rf /var/lib/apt/lists/*" in text


def test_it_copies_only_what_is_there(path: Path) -> None:
    for name, text in _instructions(path):
        if name == "COPY" and "--from" not in text:
            *sources, _ = [word for word in text.split() if not word.startswith("--")]
            for source in sources:
                assert source in MADE_BY_THE_BUILDER or (path.parent / source).exists()


def test_it_says_what_it_is(path: Path) -> None:
    labels = " ".join(text for name, text in _instructions(path) if name == "LABEL")
    for key in ("title", "description", "licenses"):
        assert f"org.opencontainers.image.{key}=" in labels


def test_the_user_of_the_services_is_the_one_that_pods_ask_for(path: Path, objects: list[Object]) -> None:
    if path.parent.name != "services":
        return
    (user,) = [text for name, text in _instructions(path) if name == "USER"]
    for workload in workloads(objects):
        context = workload.pod["securityContext"]
        assert user == f"{context['runAsUser']}:{context['runAsGroup']}"


def _instructions(path: Path) -> list[tuple[str, str]]:
    """(name, arguments) of each instruction, continued lines joined."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]
