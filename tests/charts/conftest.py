"""The charts, assembled once, and a Helm to render them with."""

import os
from pathlib import Path

import pytest
from devcluster.charts import assemble
from devcluster.kubernetes import tools
from devcluster.paths import cache_root
from devcluster.steps import StepLog

from tests.charts.rendering import CI_VALUES, VIRTUAL_NODE, Chart, Object, Values, read_values


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """$HIGHRATE_HELM, to try another version, or the one that the development cluster uses."""
    if chosen := os.environ.get("HIGHRATE_HELM"):
        return Path(chosen)
    log = StepLog(tmp_path_factory.mktemp("helm") / "log", lambda _: None)
    return tools.ensure(cache_root(), log)["helm"]


@pytest.fixture(scope="session")
def chart(helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """charts/virtual-node."""
    scratch = tmp_path_factory.mktemp("charts")
    return Chart(helm, assemble(VIRTUAL_NODE, scratch), scratch)


@pytest.fixture(scope="session", params=CI_VALUES, ids=lambda path: path.name.removesuffix("-values.yaml"))
def values(request: pytest.FixtureRequest) -> Values:
    """Each values file of the matrix in turn."""
    return read_values(request.param)


@pytest.fixture(scope="session")
def objects(chart: Chart, values: Values) -> list[Object]:
    """What a release with these values is made of."""
    return chart.render(values, options=["--api-versions", "monitoring.coreos.com/v1"])
