"""What every Containerfile under images/ keeps to, so that images build anywhere and run under the restricted standard."""

import re
from pathlib import Path

import pytest

from tests.charts.navigation import workloads
from tests.charts.rendering import ROOT, Object

CONTAINERFILES = sorted((ROOT / "images").glob("*/Containerfile"))
MADE_BY_THE_BUILDER = {"node_modules", "requirements.txt", "wheels"}
DEBIAN = "docker.io/library/debian:trixie-slim"

pytestmark = pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.parent.name)


def test_the_base_can_be_given_and_is_no_moving_tag(path: Path) -> None:
    instructions = _instructions(path)
    name, argument = instructions[0]
    ours = re.fullmatch(r"BASE=localhost/highrate/([a-z0-9-]+):local", argument)
    assert name == "ARG"
    assert (ROOT / "images" / ours[1] / "Containerfile").is_file() if ours else argument == f"BASE={DEBIAN}"
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


def test_its_first_process_reaps_what_others_leave(path: Path) -> None:
    entrypoints = [text for name, text in _instructions(path) if name == "ENTRYPOINT"]
    assert path.parent.name == "hello" or entrypoints[-1].startswith('["/usr/bin/tini", "--"')


def test_what_it_takes_from_an_index_is_named_by_hash_and_not_by_host(path: Path) -> None:
    for instruction, text in _instructions(path):
        if instruction == "RUN" and "pip install" in text:
            assert "--require-hashes" in text or "--no-index" in text
    locked = path.parent / "requirements.txt"
    if locked.is_file():
        entries = re.split(r"\n(?=\S)", locked.read_text().strip())
        assert all(re.match(r"[a-z0-9-]+==\S+( ;.*)? \\\n    --hash=sha256:", entry) for entry in entries)
        assert "://" not in locked.read_text()


def test_what_its_list_leaves_out_on_purpose_is_not_there(path: Path) -> None:
    """tools/lock does it; `uv pip compile` by hand would bring it back, and the hub's start would be slow again."""
    asked, locked = (path.parent / f"requirements.{kind}" for kind in ("in", "txt"))
    if asked.is_file():
        for name in re.findall(r"^# --no-emit-package (\S+)$", asked.read_text(), re.MULTILINE):
            assert f"\n{name}==" not in locked.read_text()
            assert "--no-deps" in path.read_text(), "pip would bring it back"


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
