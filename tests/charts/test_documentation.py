"""The values that the administrators' page shows are values that the chart takes."""

import re

import yaml

from tests.charts.navigation import of_kind
from tests.charts.rendering import ROOT, Chart, Values, merged

PAGE = ROOT / "docs" / "virtual-nodes.md"


def test_the_values_file_of_the_page_installs(chart: Chart) -> None:
    remote, _ = _examples()
    assert of_kind(chart.render(remote), "Deployment")


def test_the_page_s_edge_in_the_cluster_installs(chart: Chart) -> None:
    remote, cluster = _examples()
    without_address = {key: value for key, value in remote.items() if key != "edge"}
    assert of_kind(chart.render(merged(without_address, cluster)), "StatefulSet")


def test_the_page_names_the_ports_that_services_have(chart: Chart) -> None:
    remote, cluster = _examples()
    named = {int(port) for port in re.findall(r"\b91\d\d\b", PAGE.read_text(encoding="utf-8"))}
    without_address = {key: value for key, value in remote.items() if key != "edge"}
    assert named == set(_metrics_ports(chart, remote)) | set(_metrics_ports(chart, merged(without_address, cluster)))


def _examples() -> list[Values]:
    return [
        yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    ]


def _metrics_ports(chart: Chart, values: Values) -> list[int]:
    return [
        port["containerPort"]
        for workload in of_kind(chart.render(values), "Deployment", "StatefulSet")
        for container in workload["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
        if port["name"].startswith("metrics")
    ]
