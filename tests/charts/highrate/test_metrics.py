"""Who scrapes what: dashboards show metrics that exist, monitors ask at ports that pods have, with a token that the hub knows."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from tests.charts.navigation import of_kind, selects, workloads
from tests.charts.rendering import HIGHRATE, WITH_MONITORS, Chart, Object, Values, read_values

DASHBOARDS = sorted((HIGHRATE / "dashboards").glob("*.json"))
SOURCES = (
    *("jupyterhub.metrics", "hub_config.auth.metrics", "token_service.metrics", "token_refresher.metrics"),
    *("virtual_kubelet.metrics", "interlink.server.metrics", "condor_sidecar.metrics"),
    *("offload_backend.metrics", "relay.metrics"),
)
SAMPLES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
EVERYTHING = read_values(HIGHRATE / "ci" / "everything-values.yaml")


@pytest.fixture(scope="module")
def existing() -> set[str]:
    for module in SOURCES:
        importlib.import_module(module)
    return {f"{family.name}{end}" for family in REGISTRY.collect() for end in SAMPLES.get(family.type, ())}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_shows_metrics_that_exist(path: Path, existing: set[str]) -> None:
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    asked = {name for text in _queries(dashboard) for name in re.findall(r"\b[a-z][a-z0-9]*_[a-z0-9_]+(?=\{|,)", text)}
    assert len(asked) >= 10
    assert asked <= existing | {"label_values"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_laid_out_without_overlap(path: Path) -> None:
    places = [panel["gridPos"] for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24


def test_dashboards_come_as_one_config_map_with_the_labels_of_the_values(chart: Chart) -> None:
    (found,) = [o for o in chart.render(EVERYTHING, options=WITH_MONITORS) if "hub.json" in o.get("data", {})]
    assert found["data"].keys() == {path.name for path in DASHBOARDS}
    assert all(json.loads(text)["uid"] for text in found["data"].values())
    assert found["metadata"]["labels"]["dashboards"] == "yes"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Highrate"}


def test_every_service_is_monitored_where_it_listens(objects: list[Object], values: Values) -> None:
    monitors = of_kind(objects, "PodMonitor")
    expected = (
        {"hub", "tokens", "gateway", "relay"}
        if values.get("metrics", {}).get("podMonitor", {}).get("enabled")
        else set()
    )
    seen = set()
    for monitor in monitors:
        for workload in workloads(objects):
            if selects(monitor["spec"]["selector"]["matchLabels"], workload.labels):
                ports = {port["name"] for container in workload.containers for port in container["ports"]}
                asked = {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]}
                assert asked <= ports
                seen.add(workload.name.rpartition("-")[2])
    assert seen - {"vk", "edge"} == expected


def test_prometheus_shows_the_hub_a_token_that_it_knows(chart: Chart) -> None:
    objects = chart.render(EVERYTHING, options=WITH_MONITORS)
    (endpoint,) = [
        endpoint
        for monitor in of_kind(objects, "PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        if "authorization" in endpoint
    ]
    wanted = endpoint["authorization"]["credentials"]
    (secret,) = [each for each in of_kind(objects, "Secret") if each["metadata"]["name"] == wanted["name"]]
    assert wanted["key"] in secret["data"] and endpoint["path"] == "/hub/metrics"


def _queries(dashboard: Values) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (v["query"]["query"].replace("label_values(", "") for v in dashboard["templating"]["list"][1:])
