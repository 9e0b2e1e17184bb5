"""The charts and those who depend on them stay together: the development cluster's values, and the versions."""

import tomllib
from base64 import b64encode
from pathlib import Path

import pytest
import yaml
from devcluster.charts import assemble, jupyterhub_chart
from devcluster.images.reference import Image
from devcluster.release_objects import Credentials, objects
from devcluster.release_values import NAME, NAMESPACE, values
from devcluster.site.layout import ENDPOINTS

from tests.charts.navigation import of_kind
from tests.charts.rendering import HIGHRATE, ROOT, VIRTUAL_NODE, Chart, Release, programs

AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
IMAGES = {
    name: Image(name, "0123456789ab", Path("/cache"))
    for name in ("services", "hub", "proxy", "jupyterlab", "jupyterlab-offload")
}


def test_the_development_cluster_s_values_install_the_hub_and_every_site(tmp_path: Path) -> None:
    folder = assemble(HIGHRATE, tmp_path, {"jupyterhub": jupyterhub_chart(ROOT).folder})
    chart = Chart(programs(tmp_path)["helm"], folder, tmp_path)
    rendered = chart.render(values(IMAGES, AUTHORITY), Release(NAME, NAMESPACE))
    deployments = {each["metadata"]["name"] for each in of_kind(rendered, "Deployment")}
    dask = {"dask-gateway", "dask-proxy"}
    assert {"hub", "proxy", "tokens", *dask, *(f"{NAME}-{mode}-vk" for mode in ENDPOINTS)} == deployments
    assert [each["metadata"]["name"] for each in of_kind(rendered, "StatefulSet")] == ["relay"]


def test_no_secret_is_among_the_values() -> None:
    clients = {"hub": "secret of the hub", "highrate-vk": "secret of the virtual kubelets"}
    made = objects(Credentials(hub_certificate="certificate", hub_key="key of the hub", clients=clients))
    found = {text for secret in of_kind(made, "Secret") for text in secret["data"].values()}
    assert {b64encode(text.encode()).decode() for text in (*clients.values(), "key of the hub")} <= found
    written = yaml.safe_dump(values(IMAGES, AUTHORITY))
    assert not any(text in written for text in (*clients.values(), "key of the hub"))


@pytest.mark.parametrize("chart", [VIRTUAL_NODE, HIGHRATE], ids=lambda chart: chart.name)
def test_a_chart_installs_the_version_that_it_lies_beside(chart: Path) -> None:
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert about["appVersion"] == project["version"]
