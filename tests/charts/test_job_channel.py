"""The job channel of a sidecar in the cluster: off unless asked for, and where jobs dial there is what they need."""

from pathlib import Path

import pytest
from condor_sidecar import settings as sidecar

from tests.charts.channel_values import BALANCER, INGRESS, NODE_PORT
from tests.charts.navigation import Workload, of_kind, one, workloads
from tests.charts.rendering import VIRTUAL_NODE, Chart, Object, Values, merged, read_values
from tests.schemas import validate

CLUSTER = merged(
    read_values(VIRTUAL_NODE / "ci" / "cluster-schedd-values.yaml"), {"edge": {"existingTlsSecret": "edge-tls"}}
)
EACH_WAY = pytest.mark.parametrize("values", [INGRESS, BALANCER, NODE_PORT], ids=["ingress", "balancer", "node port"])


def test_there_is_none_unless_it_is_enabled(chart: Chart) -> None:
    prepared = chart.render(merged(CLUSTER, {"channel": {**INGRESS["channel"], "enabled": False}}))
    assert prepared == chart.render(CLUSTER)
    assert "channel" not in str(one(prepared, "ConfigMap", "-edge")["data"])
    assert [service["metadata"]["name"] for service in of_kind(prepared, "Service")] == ["site-one-edge"]
    assert "channel" not in str(one(prepared, "NetworkPolicy", "-edge")["spec"])


@EACH_WAY
def test_its_service_shows_the_channel_and_nothing_else_of_the_edge(chart: Chart, values: Values) -> None:
    objects = chart.render(values)
    (port,) = one(objects, "Service", "-channel")["spec"]["ports"]
    assert port["targetPort"] == "channel"
    ports = {each["name"]: each["containerPort"] for each in _edge(objects).container("condor-sidecar")["ports"]}
    assert f"0.0.0.0:{ports['channel']}" in one(objects, "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"]


@pytest.mark.parametrize(
    ("url", "port"),
    [("wss://channel.example.org:9443/", 9443), ("wss://channel.example.org/a", 443), ("wss://[2001:db8::1]", 443)],
)
def test_a_load_balancer_listens_where_jobs_dial(chart: Chart, url: str, port: int) -> None:
    service = one(chart.render(merged(BALANCER, {"channel": {"url": url}})), "Service", "-channel")
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["ports"][0]["port"] == port
    assert service["metadata"]["annotations"] == BALANCER["channel"]["service"]["annotations"]
    # a cloud's probe by it would be answered with 401
    assert "appProtocol" not in service["spec"]["ports"][0]


def test_a_node_port_is_the_one_that_jobs_dial(chart: Chart) -> None:
    service = one(chart.render(NODE_PORT), "Service", "-channel")["spec"]
    assert (service["type"], service["ports"][0]["nodePort"]) == ("NodePort", 30444)
    assert service["ports"][0]["appProtocol"] == "https"


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("wss://hub.example.org/job-channel/site-schedd", "hub.example.org", "/job-channel/site-schedd"),
        ("wss://Hub.Example.org:8443/a/", "hub.example.org", "/a/"),
        ("wss://hub.example.org", "hub.example.org", "/"),
    ],
)
def test_an_ingress_leads_from_what_jobs_ask_for_to_the_service(chart: Chart, url: str, host: str, path: str) -> None:
    objects = chart.render(merged(INGRESS, {"channel": {"url": url}}))
    spec = one(objects, "Ingress")["spec"]
    service = one(objects, "Service", "-channel")
    (rule,) = spec["rules"]
    assert rule["host"] == host
    assert rule["http"]["paths"] == [
        {
            "path": path,
            "pathType": "Exact",
            "backend": {"service": {"name": service["metadata"]["name"], "port": {"name": "channel"}}},
        }
    ]
    assert spec["tls"] == [{"hosts": [host], "secretName": "hub-tls"}]
    assert spec["ingressClassName"] == "nginx"
    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["ports"][0]["appProtocol"] == "http"


def test_annotations_of_the_values_come_beside_the_long_time_outs_or_in_their_place(chart: Chart) -> None:
    own = {"nginx.ingress.kubernetes.io/proxy-send-timeout": "7200"}
    annotations = one(chart.render(merged(INGRESS, {"channel": {"ingress": {"annotations": own}}})), "Ingress")[
        "metadata"
    ]["annotations"]
    assert annotations == {
        "cert-manager.io/cluster-issuer": "example",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
        **own,
    }


def test_without_class_and_secret_the_cluster_s_own_are_used(chart: Chart) -> None:
    plain = merged(INGRESS, {"channel": {"ingress": {"className": "", "tlsSecret": ""}}})
    spec = one(chart.render(plain), "Ingress")["spec"]
    assert "ingressClassName" not in spec
    assert spec["tls"] == [{"hosts": ["hub.example.org"]}]


@EACH_WAY
def test_whoever_has_a_ticket_reaches_the_channel_and_the_virtual_kubelet_alone_interlink(
    chart: Chart, values: Values
) -> None:
    objects = chart.render(merged(values, {"networkPolicy": {"enabled": True}}))
    rules = one(objects, "NetworkPolicy", "-edge")["spec"]["ingress"]
    open_to_all = [rule["ports"] for rule in rules if "from" not in rule]
    assert open_to_all == [[{"port": "channel", "protocol": "TCP"}]]


@EACH_WAY
def test_nobody_but_the_sidecar_sees_the_keys_of_the_channel(chart: Chart, values: Values) -> None:
    for workload in workloads(chart.render(values)):
        for path in ("/etc/highrate/channel-tls", "/etc/highrate/channel-secret", "/etc/highrate/job-authorities"):
            assert set(workload.containers_mounting(path)) <= {"condor-sidecar"}


def test_of_a_secret_with_a_certificate_jobs_get_the_authority_alone(chart: Chart) -> None:
    volumes = {volume["name"]: volume for volume in _edge(chart.render(BALANCER)).pod["volumes"]}
    assert volumes["job-authorities"]["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    assert {item["key"] for item in volumes["channel-tls"]["secret"]["items"]} == {"tls.crt", "tls.key"}


def test_other_authorities_replace_the_pod_which_reads_them_at_its_start(chart: Chart) -> None:
    other = "-----BEGIN CERTIFICATE-----\nAnother\n-----END CERTIFICATE-----\n"
    before, after = (
        _edge(chart.render(merged(INGRESS, changes))).object["spec"]["template"]["metadata"]["annotations"]
        for changes in ({}, {"channel": {"authorities": {"certificates": other}}})
    )
    assert before != after


def test_names_that_look_like_something_else_in_yaml_stay_text(chart: Chart) -> None:
    names = {
        "existingTlsSecret": "0x1f",
        "existingSecret": "1e3",
        "authorities": {"existingSecret": "0.1"},
        "service": {"type": "ClusterIP", "annotations": {"a": "yes"}},
        "ingress": {"enabled": True, "className": "1", "tlsSecret": "2", "annotations": {"b": "no"}},
    }
    for obj in chart.render(merged(BALANCER, {"channel": names})):
        validate(obj)


def test_limits_of_the_channel_are_among_the_sidecar_s_further_settings(chart: Chart, tmp_path: Path) -> None:
    path = tmp_path / "sidecar.yaml"
    path.write_text(one(chart.render(INGRESS), "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"])
    channel = sidecar.load(path, {}).channel
    assert channel is not None
    assert (channel.connections, channel.url) == (200, INGRESS["channel"]["url"])


def test_notes_say_what_has_to_lead_where(chart: Chart) -> None:
    assert "kubectl get service -n highrate site-one-channel" in chart.notes(INGRESS)
    assert INGRESS["channel"]["url"] in chart.notes(INGRESS)
    assert "-channel" not in chart.notes(CLUSTER)


def _edge(objects: list[Object]) -> Workload:
    (edge,) = [workload for workload in workloads(objects) if workload.object["kind"] == "StatefulSet"]
    return edge
