"""The page says which code was run."""

import subprocess
from pathlib import Path

import pytest
from devcluster.conformance.origin import CHANGED, UNKNOWN, look
from devcluster.paths import Checkout

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*words: str) -> None:
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "docs").mkdir()
    for name in ("code.py", "docs/conformance.md"):
        (tmp_path / name).write_text("as it was")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=one")
    return tmp_path


def test_it_is_a_commit(repository: Path) -> None:
    found = subprocess.run([*GIT, "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True).stdout
    assert look(Checkout(repository)) == found[:12]


@pytest.mark.parametrize(
    ("name", "counts"), [("code.py", True), ("new.py", True), ("docs/conformance.md", False), ("docs/new.md", False)]
)
def test_changes_of_what_runs_are_said(name: str, counts: bool, repository: Path) -> None:
    (repository / name).write_text("another")
    assert look(Checkout(repository)).endswith(CHANGED) is counts


def test_sources_without_a_history_are_of_no_commit(tmp_path: Path) -> None:
    assert look(Checkout(tmp_path)) == UNKNOWN
