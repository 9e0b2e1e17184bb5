"""What stops an install with a job channel that no job could dial; each sentence says what to write, and that installs."""

import pytest

from tests.charts.channel_values import BALANCER, INGRESS
from tests.charts.refusals import assert_impossible_value, assert_unknown_key, remedied
from tests.charts.rendering import VIRTUAL_NODE, Chart, Values, merged, read_values

REMOTE = read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml")
CERTIFICATE = "-----BEGIN CERTIFICATE-----"


def _channel(**changes: object) -> Values:
    return {"channel": changes}


UNKNOWN_KEYS = [
    _channel(tls="channel-tls"),
    _channel(service={"port": 443}),
    _channel(ingress={"host": "hub.example.org"}),
    _channel(authorities={"configMap": "a"}),
    {"condor": {"settings": {"channel": {"url": "wss://another.example.org"}}}},
    {"condor": {"settings": {"channel": {"listen": "http://0.0.0.0:80"}}}},
]
IMPOSSIBLE_VALUES: list[tuple[Values, str]] = [
    (_channel(url="https://hub.example.org/job-channel"), "url"),
    (_channel(url="wss://"), "url"),
    (_channel(url="wss://user:password@hub.example.org"), "url"),
    (_channel(url="wss://hub.example.org/job-channel?a=b"), "url"),
    (_channel(url="wss://hub.example.org:port/"), "url"),
    (_channel(service={"type": "ExternalName"}), "type"),
    (_channel(service={"nodePort": 70000}), "nodePort"),
    (_channel(authorities={"certificates": "MIIB"}), "certificates"),
    (_channel(ingress={"annotations": {"a": 1}}), "annotations"),
    ({"condor": {"settings": {"channel": {"message_bytes": 1}}}}, "message_bytes"),
]
SENTENCES: list[tuple[Values, Values, str]] = [
    (REMOTE, _channel(enabled=True), "channel.enabled is set, but edge.mode is remote"),
    (INGRESS, _channel(url=""), "channel.url is missing"),
    (INGRESS, _channel(url="wss://[2001:db8::1]:443/a"), "channel.url and channel.ingress.enabled contradict"),
    (INGRESS, _channel(url="wss://192.0.2.1/a"), "channel.url and channel.ingress.enabled contradict"),
    (INGRESS, _channel(enabled=False), "condor.settings.channel is set, but channel.enabled is false"),
    (BALANCER, _channel(service={"type": "NodePort"}), "channel.service.nodePort is missing"),
    (
        BALANCER,
        _channel(service={"type": "NodePort", "nodePort": 30444}, existingTlsSecret=""),
        "channel.existingTlsSecret is missing",
    ),
    (BALANCER, _channel(service={"nodePort": 30444}), "channel.service.nodePort and channel.service.type contradict"),
    (BALANCER, _channel(authorities={"certificates": CERTIFICATE}), "certificates and existingSecret contradict"),
    (
        BALANCER,
        _channel(authorities={"certificates": CERTIFICATE, "existingConfigMap": "a"}),
        "certificates and existingConfigMap and existingSecret contradict",
    ),
]


@pytest.mark.parametrize("changes", UNKNOWN_KEYS, ids=str)
def test_an_unknown_key_stops_the_install(chart: Chart, changes: Values) -> None:
    assert_unknown_key(chart, merged(BALANCER, changes))


@pytest.mark.parametrize(("changes", "key"), IMPOSSIBLE_VALUES, ids=str)
def test_an_impossible_value_stops_the_install_and_is_named(chart: Chart, changes: Values, key: str) -> None:
    assert_impossible_value(chart, merged(BALANCER, changes), key)


@pytest.mark.parametrize(
    ("values", "changes", "sentence"), SENTENCES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_sentence_says_what_is_wrong_and_what_to_write(
    chart: Chart, values: Values, changes: Values, sentence: str
) -> None:
    assert all(remedied(chart, merged(values, changes), sentence))


@pytest.mark.parametrize(
    "service", [{"type": "NodePort"}, {"type": "NodePort", "nodePort": 30444}], ids=["of chance", "chosen"]
)
def test_behind_an_ingress_a_node_port_needs_neither_number_nor_certificate(chart: Chart, service: Values) -> None:
    """Ingresses of some clouds reach Services by a node port; jobs don't."""
    assert chart.render(merged(INGRESS, _channel(service=service)))


def test_what_is_wrong_with_the_channel_is_of_no_interest_where_it_is_off(chart: Chart) -> None:
    assert chart.render(merged(REMOTE, _channel(service={"nodePort": 30444})))
