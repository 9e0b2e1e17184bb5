"""Whether a program of the host is new enough, and what a Go build's cache key sees."""

from pathlib import Path

import pytest
from devcluster.golang import GoProgram
from devcluster.kubernetes import programs, tools
from devcluster.paths import find_checkout

from devcluster import golang


@pytest.mark.parametrize(
    ("tool", "text", "expected"),
    [
        ("kubectl", "Client Version: v1.34.1\nKustomize Version: v5.7.1", True),
        ("kubectl", "Client Version: v1.32.4-dispatcher", True),
        ("kubectl", "Client Version: v1.30.0", False),
        ("kubectl", "", False),
        ("helm", "v3.14.0+g3fc9f4b", True),
        ("helm", "v3.9.4+gdbc6d8e", False),
        ("helm", "v4.1.0+gabcdef", True),
    ],
)
def test_a_tool_of_the_host_is_used_if_new_enough(tool: str, text: str, expected: bool) -> None:
    assert tools.new_enough(tool, text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("go version go1.26.8 linux/amd64", (1, 26)), ("go version go1.24rc1 linux/arm64", (1, 24)), ("nonsense", None)],
)
def test_gos_version_is_read(text: str, expected: tuple[int, int] | None) -> None:
    assert golang.parse_version(text) == expected


def test_a_programs_key_follows_its_sources_and_stamps(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n")
    (tmp_path / "notes.txt").write_text("one")
    program = GoProgram("x", tmp_path, (".",), ("x",))
    before = program.key
    (tmp_path / "notes.txt").write_text("two")
    assert program.key == before
    assert GoProgram("x", tmp_path, (".",), ("x",), "-X a=b").key != before
    (tmp_path / "go.sum").write_text("a v1 h1:0\n")
    assert program.key != before


def test_kubernetes_is_stamped_with_the_version_that_is_pinned() -> None:
    program = programs.kubernetes(find_checkout(Path(__file__).parent))
    assert "gitVersion=v1.34." in program.ldflags
    assert "gitMajor=1 " in program.ldflags
    assert "gitMinor=34 " in program.ldflags
