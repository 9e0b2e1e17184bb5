"""Every chart with every values file of its matrix: what must hold whatever is installed."""

from pathlib import Path

import pytest

from tests.charts.rendering import HIGHRATE, VIRTUAL_NODE, Chart, Values, ci_values, read_values

MATRIX = [*ci_values(VIRTUAL_NODE), *ci_values(HIGHRATE)]


def _name(path: Path) -> str:
    return f"{path.parents[1].name}/{path.name.removesuffix('-values.yaml')}"


@pytest.fixture(scope="session", params=MATRIX, ids=_name)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(scope="session")
def case(file: Path) -> str:
    """Chart and values by name, such as ``highrate/minimal``."""
    return _name(file)


@pytest.fixture(scope="session")
def chart(file: Path, request: pytest.FixtureRequest) -> Chart:
    chart: Chart = request.getfixturevalue(file.parents[1].name.replace("-", "_"))
    return chart


@pytest.fixture(scope="session")
def values(file: Path) -> Values:
    """The values of a release: the file's over the chart's."""
    return read_values(file)
