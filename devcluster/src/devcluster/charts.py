"""Helm wants a chart's dependencies inside of the chart; ours lie beside it. What installs a chart assembles a copy."""

import shutil
from pathlib import Path
from typing import Any

import yaml

LOCAL = "file://"
NOT_COPIED = shutil.ignore_patterns("charts", "Chart.lock", "__pycache__")


class ChartError(Exception):
    """A chart that can't be assembled; the text says which dependency is missing or of another version."""


def assemble(chart: Path, destination: Path) -> Path:
    """Copy `chart` into the folder `destination`, with every `file://` dependency in its charts/; gives the copy's path.

    A copy that is there already is replaced. Dependencies from elsewhere are left to the caller. Raises ChartError.
    """
    copy = destination / chart.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(chart, copy, ignore=NOT_COPIED)
    for dependency in _read(chart).get("dependencies", []):
        repository = str(dependency.get("repository", ""))
        if repository.startswith(LOCAL):
            source = (chart / repository.removeprefix(LOCAL)).resolve()
            _check(chart, source, dependency)
            assemble(source, copy / "charts")
    return copy


def _check(chart: Path, source: Path, dependency: dict[str, str]) -> None:
    if not (source / "Chart.yaml").is_file():
        raise ChartError(f"{chart.name} depends on {dependency['name']}, but there is no chart in {source}")
    found = _read(source)
    if (found["name"], found["version"]) != (dependency["name"], dependency["version"]):
        wanted = f"{dependency['name']} {dependency['version']}"
        raise ChartError(f"{chart.name} depends on {wanted}, but {source} is {found['name']} {found['version']}")


def _read(chart: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    return loaded
