"""Local dependencies are put into a copy of the chart, checked by name and version."""

from pathlib import Path

import pytest
from devcluster.charts import ChartError, assemble

from tests.charts.rendering import VIRTUAL_NODE


def test_the_library_lies_in_the_copy_and_the_chart_is_untouched(tmp_path: Path) -> None:
    copy = assemble(VIRTUAL_NODE, tmp_path)
    assert (copy / "charts" / "site-library" / "Chart.yaml").is_file()
    assert (copy / "values.schema.json").read_bytes() == (VIRTUAL_NODE / "values.schema.json").read_bytes()


def test_a_second_assembly_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    left_over = assemble(VIRTUAL_NODE, tmp_path) / "templates" / "removed-since.yaml"
    left_over.write_text("kind: Removed")
    assemble(VIRTUAL_NODE, tmp_path)
    assert not left_over.exists()


@pytest.mark.parametrize(
    ("library", "complaint"),
    [
        (None, r"outer depends on inner, but there is no chart in .*/inner"),
        ("{name: inner, version: 2.0.0}", r"outer depends on inner 1.0.0, but .*/inner is inner 2.0.0"),
    ],
)
def test_a_dependency_that_is_missing_or_of_another_version_is_named(
    tmp_path: Path, library: str | None, complaint: str
) -> None:
    _chart(
        tmp_path / "outer",
        "{name: outer, version: 1.0.0, dependencies: [{name: inner, version: 1.0.0, repository: 'file://../inner'}]}",
    )
    if library:
        _chart(tmp_path / "inner", library)
    with pytest.raises(ChartError, match=complaint):
        assemble(tmp_path / "outer", tmp_path / "copies")


def test_dependencies_of_dependencies_come_along_and_others_are_left_out(tmp_path: Path) -> None:
    _chart(
        tmp_path / "outer",
        "{name: outer, version: 1.0.0, dependencies: ["
        "{name: inner, version: 1.0.0, repository: 'file://../inner'},"
        "{name: elsewhere, version: 1.0.0, repository: 'https://charts.example.org'}]}",
    )
    _chart(
        tmp_path / "inner",
        "{name: inner, version: 1.0.0, dependencies: ["
        "{name: innermost, version: 1.0.0, repository: 'file://../innermost'}]}",
    )
    _chart(tmp_path / "innermost", "{name: innermost, version: 1.0.0}")
    copy = assemble(tmp_path / "outer", tmp_path / "copies")
    assert (copy / "charts" / "inner" / "charts" / "innermost" / "Chart.yaml").is_file()
    assert [path.name for path in (copy / "charts").iterdir()] == ["inner"]


def _chart(folder: Path, about: str) -> None:
    folder.mkdir()
    (folder / "Chart.yaml").write_text(about)
