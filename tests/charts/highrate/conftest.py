"""charts/highrate with the chart of JupyterHub that the environment chooses: the stand-in, or the real one by Z2JH_CHART."""

import pytest
from devcluster.charts import assemble, jupyterhub_chart

from tests.charts.rendering import HIGHRATE, ROOT, Chart, Object, Values, ci_values, programs, read_values

WITH_MONITORS = ["--api-versions", "monitoring.coreos.com/v1"]


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """charts/highrate."""
    scratch = tmp_path_factory.mktemp("charts")
    jupyterhub = jupyterhub_chart(ROOT).folder
    return Chart(programs(scratch)["helm"], assemble(HIGHRATE, scratch, {"jupyterhub": jupyterhub}), scratch)


@pytest.fixture(scope="session", params=ci_values(HIGHRATE), ids=lambda path: path.name.removesuffix("-values.yaml"))
def values(request: pytest.FixtureRequest) -> Values:
    """Each values file of the matrix in turn."""
    return read_values(request.param)


@pytest.fixture(scope="session")
def objects(chart: Chart, values: Values) -> list[Object]:
    """What a release with these values is made of."""
    return chart.render(values, options=WITH_MONITORS)
