"""The charts, assembled once, and a Helm to render them with."""

import os
from pathlib import Path

import pytest
from devcluster.charts import assemble, jupyterhub_chart

from tests.charts.rendering import (
    HIGHRATE,
    ROOT,
    VIRTUAL_NODE,
    WITH_MONITORS,
    Chart,
    Object,
    Values,
    ci_values,
    programs,
    read_values,
)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was rendered in this run: pytest-xdist's workers have their folders in one of the run."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "rendered"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def virtual_node(tmp_path_factory: pytest.TempPathFactory, kept: Path) -> Chart:
    """charts/virtual-node."""
    scratch = tmp_path_factory.mktemp("charts")
    return Chart(programs(scratch)["helm"], assemble(VIRTUAL_NODE, scratch), kept)


@pytest.fixture(scope="session")
def highrate(tmp_path_factory: pytest.TempPathFactory, kept: Path) -> Chart:
    """charts/highrate with the chart of JupyterHub that the environment chooses: the stand-in, or the real one by Z2JH_CHART."""
    scratch = tmp_path_factory.mktemp("charts")
    jupyterhub = jupyterhub_chart(ROOT).folder
    return Chart(programs(scratch)["helm"], assemble(HIGHRATE, scratch, {"jupyterhub": jupyterhub}), kept)


@pytest.fixture(scope="session")
def chart(virtual_node: Chart) -> Chart:
    """What a folder's tests are about: here the chart of one site; the folders below say otherwise."""
    return virtual_node


@pytest.fixture(
    scope="session", params=ci_values(VIRTUAL_NODE), ids=lambda path: path.name.removesuffix("-values.yaml")
)
def values(request: pytest.FixtureRequest) -> Values:
    """Each values file of the matrix in turn."""
    return read_values(request.param)


@pytest.fixture(scope="module")
def objects(chart: Chart, values: Values) -> list[Object]:
    """What a release with these values is made of.

    Of a module: folders have charts and values of their own, and pytest would keep a session's objects over to the next folder.
    """
    return chart.render(values, options=WITH_MONITORS)
