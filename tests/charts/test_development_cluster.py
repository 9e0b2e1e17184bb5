"""The chart and those who depend on it stay together: the development cluster's values, and the versions."""

import tomllib

import pytest
import yaml

from devcluster import releases
from tests.charts.navigation import of_kind
from tests.charts.rendering import ROOT, VIRTUAL_NODE, Chart, Release

AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("endpoint", ["schedd", "ce"])
def test_the_development_cluster_s_values_install(chart: Chart, endpoint: str) -> None:
    values = releases.values(
        endpoint, repository="localhost/highrate/services", tag="0123456789ab", authority=AUTHORITY
    )
    objects = chart.render(values, Release(str(values["nodeName"]), releases.NAMESPACE))
    assert of_kind(objects, "Deployment")


def test_the_chart_installs_the_version_that_it_lies_beside() -> None:
    about = yaml.safe_load((VIRTUAL_NODE / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert about["appVersion"] == project["version"]
