"""The charts, assembled once, and a Helm to render them with."""

import pytest
from devcluster.charts import assemble

from tests.charts.rendering import VIRTUAL_NODE, Chart, Object, Values, ci_values, programs, read_values


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """charts/virtual-node."""
    scratch = tmp_path_factory.mktemp("charts")
    return Chart(programs(scratch)["helm"], assemble(VIRTUAL_NODE, scratch), scratch)


@pytest.fixture(
    scope="session", params=ci_values(VIRTUAL_NODE), ids=lambda path: path.name.removesuffix("-values.yaml")
)
def values(request: pytest.FixtureRequest) -> Values:
    """Each values file of the matrix in turn."""
    return read_values(request.param)


@pytest.fixture(scope="session")
def objects(chart: Chart, values: Values) -> list[Object]:
    """What a release with these values is made of."""
    return chart.render(values, options=["--api-versions", "monitoring.coreos.com/v1"])
