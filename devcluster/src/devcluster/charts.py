"""Helm wants a chart's dependencies inside of the chart; ours lie beside it. What installs a chart assembles a copy.

Zero to JupyterHub's chart comes from its own repository, which can't be reached everywhere. Where the environment names
an unpacked copy of it (Z2JH_CHART), that is used; else the stand-in, which has the same keys, names and labels.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LOCAL = "file://"
NOT_COPIED = shutil.ignore_patterns("charts", "Chart.lock", "__pycache__")
JUPYTERHUB_VARIABLE = "Z2JH_CHART"
STAND_IN = Path("devcluster/stand-ins/jupyterhub")


class ChartError(Exception):
    """A chart that can't be assembled; the text says which dependency is missing or of another version."""


@dataclass(frozen=True)
class JupyterHubChart:
    """The chart that JupyterHub is installed with."""

    folder: Path
    is_stand_in: bool

    def __str__(self) -> str:
        return "the development stand-in" if self.is_stand_in else f"Zero to JupyterHub from {self.folder}"


def jupyterhub_chart(root: Path, environment: Mapping[str, str] = os.environ) -> JupyterHubChart:
    """The real chart if the environment names it, else the stand-in of the checkout at ``root``."""
    chosen = environment.get(JUPYTERHUB_VARIABLE)
    return JupyterHubChart(Path(chosen), False) if chosen else JupyterHubChart(root / STAND_IN, True)


def assemble(chart: Path, destination: Path, elsewhere: Mapping[str, Path] | None = None) -> Path:
    """Copy `chart` into the folder `destination`, with its dependencies in its charts/; gives the copy's path.

    `file://` dependencies are taken from where they lie, others from the folders of ``elsewhere``, by name, or left to the
    caller. A copy that is there already is replaced. Raises ChartError.
    """
    copy = destination / chart.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(chart, copy, ignore=NOT_COPIED)
    for dependency in _read(chart).get("dependencies", []):
        source = _source(chart, dependency, elsewhere or {})
        if source is not None:
            _check(chart, source, dependency)
            assemble(source, copy / "charts", elsewhere)
    return copy


def _source(chart: Path, dependency: dict[str, str], elsewhere: Mapping[str, Path]) -> Path | None:
    repository = str(dependency.get("repository", ""))
    if repository.startswith(LOCAL):
        return (chart / repository.removeprefix(LOCAL)).resolve()
    return elsewhere.get(dependency["name"])


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
