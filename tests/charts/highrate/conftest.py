"""The tests of this folder are about the platform's chart."""

import os

import pytest
from devcluster.charts import JUPYTERHUB_VARIABLE

from tests.charts.rendering import HIGHRATE, Chart, Values, ci_values, read_values
from tests.unit.hub_config.conftest import spawner

__all__ = ["spawner"]

# What compares the stand-in with the real chart is there only where the real one is; see docs/contributing.md.
collect_ignore = [] if os.environ.get(JUPYTERHUB_VARIABLE) else ["test_beside_the_real_chart.py"]


@pytest.fixture(scope="session")
def chart(highrate: Chart) -> Chart:
    return highrate


@pytest.fixture(scope="session", params=ci_values(HIGHRATE), ids=lambda path: path.name.removesuffix("-values.yaml"))
def values(request: pytest.FixtureRequest) -> Values:
    """Each values file of the matrix in turn."""
    return read_values(request.param)
