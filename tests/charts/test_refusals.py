"""What stops an install: unknown keys by the schema, missing or contradictory values by a sentence with the YAML to write."""

import pytest

from tests.charts.refusals import assert_impossible_value, assert_unknown_key, refusal, the_only_problem
from tests.charts.rendering import VIRTUAL_NODE, Chart, Values, merged, read_values

REMOTE = read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml")
CLUSTER = read_values(VIRTUAL_NODE / "ci" / "cluster-schedd-values.yaml")

UNKNOWN_KEYS: list[Values] = [
    {"nodename": "x"},
    {"image": {"tagg": "x"}},
    {"edge": {"URL": "https://ce.example.org"}},
    {"edge": {"storage": {"sise": "1Gi"}}},
    {"token": {"clientSecret": "x"}},
    {"kubelet": {"insecure": True}},
    {"node": {"resources": {"memry": "1Gi"}}},
    {"metrics": {"podMonitor": {"enable": True}}},
    {"resources": {"kubelet": {}}},
    {"condor": {"settings": {"instance": "another"}}},
    {"condor": {"settings": {"endpoint": {"collector": "another"}}}},
    {"condor": {"settings": {"policy": {"keep_service_account_tokens": True}}}},
    {"condor": {"settings": {"endpoint": {"limits": {"idle": 5}}}}},
    {"condor": {"settings": {"hostpath": [{"path": "/data", "readonly": False}]}}},
    {"condor": {"settings": {"volumes": [{"path": "/eos", "storageClass": "eos"}]}}},
    {"node": {"kubernetesApi": {"host": "api.example.org"}}},
    {"site-library": {"anything": 1}},
]

IMPOSSIBLE_VALUES: list[tuple[Values, str]] = [
    ({"nodeName": "Site_One"}, "nodeName"),
    ({"nodeName": 7}, "nodeName"),
    ({"image": {"tag": "latest"}}, "tag"),
    ({"image": {"digest": "sha256:short"}}, "digest"),
    ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ({"edge": {"mode": "both"}}, "mode"),
    ({"edge": {"url": "http://ce.example.org"}}, "url"),
    ({"edge": {"url": "https://ce.example.org/path"}}, "url"),
    ({"token": {"issuer": "http://iam.example.org"}}, "issuer"),
    ({"token": {"grant": "password"}}, "grant"),
    ({"kubelet": {"port": 80}}, "port"),
    ({"node": {"resources": {"pods": "many"}}}, "pods"),
    ({"node": {"apiToken": "yes"}}, "apiToken"),
    ({"node": {"kubernetesApi": {"address": "https://api.example.org"}}}, "address"),
    ({"node": {"kubernetesApi": {"certificates": "MIIB"}}}, "certificates"),
    ({"node": {"refreshInterval": 0}}, "refreshInterval"),
    ({"condor": {"settings": {"wall_time": {"max_seconds": "2h"}}}}, "max_seconds"),
    ({"condor": {"settings": {"hostpath": [{"read_only": False}]}}}, "path"),
    ({"logLevel": "verbose"}, "logLevel"),
    ({"namespaces": ["a", "a"]}, "namespaces"),
    ({"node": {"taints": [{"key": "a", "effect": "Never"}]}}, "taints"),
    ({"caBundle": {"certificates": "MIIB"}}, "certificates"),
]

SENTENCES: list[tuple[Values, Values, str, str]] = [
    (REMOTE, {"nodeName": ""}, "nodeName is missing", "nodeName: my-site"),
    (REMOTE, {"image": {"repository": ""}}, "image.repository is missing", "repository: registry"),
    (REMOTE, {"edge": {"url": ""}}, "edge.url is missing", "url: https://"),
    (REMOTE, {"condor": {"schedd": "x"}}, "condor is set, but edge.mode is remote", "mode: cluster"),
    (REMOTE, {"edge": {"existingTlsSecret": "x"}}, "belong to edge.mode cluster", "mode: cluster"),
    (REMOTE, {"edge": {"storage": {"existingClaim": "x"}}}, "belong to edge.mode cluster", "mode: cluster"),
    (REMOTE, {"token": {"issuer": ""}}, "token.issuer is missing", "issuer: https://"),
    (
        REMOTE,
        {"token": {"tokenUrl": "https://i/t"}},
        "token.issuer and token.tokenUrl contradict",
        "issuer: https://iam",
    ),
    (REMOTE, {"token": {"clientId": ""}}, "token.clientId is missing", "clientId: "),
    (REMOTE, {"token": {"clientAuthentication": "none"}}, "contradict each other: without", "grant: refresh_token"),
    (REMOTE, {"token": {"existingSecret": ""}}, "token.existingSecret is missing", "kubectl create secret generic"),
    (
        REMOTE,
        {"allNamespaces": True, "namespaces": ["a"]},
        "allNamespaces and namespaces contradict",
        "namespaces: [a]",
    ),
    (
        REMOTE,
        {"caBundle": {"certificates": "-----BEGIN CERTIFICATE-----", "existingConfigMap": "x"}},
        "caBundle.certificates and caBundle.existingConfigMap contradict",
        "existingConfigMap: x",
    ),
    (
        REMOTE,
        {"node": {"statusPoll": {"min": 5, "max": 2}}},
        "node.statusPoll.min and node.statusPoll.max contradict",
        "min: 2",
    ),
    (REMOTE, {"metrics": {"podMonitor": {"enabled": True}}}, "needs the Prometheus operator", "enabled: false"),
    (CLUSTER, {"edge": {"url": "https://ce.example.org"}}, "edge.url is set, but edge.mode is cluster", "mode: remote"),
    (CLUSTER, {"condor": {"collector": ""}}, "condor.collector is missing", "collector: ce"),
]


@pytest.mark.parametrize("changes", UNKNOWN_KEYS, ids=str)
def test_an_unknown_key_stops_the_install(chart: Chart, changes: Values) -> None:
    assert_unknown_key(chart, merged(REMOTE, changes))


@pytest.mark.parametrize(("changes", "key"), IMPOSSIBLE_VALUES, ids=str)
def test_an_impossible_value_stops_the_install_and_is_named(chart: Chart, changes: Values, key: str) -> None:
    assert_impossible_value(chart, merged(REMOTE, changes), key)


@pytest.mark.parametrize(("values", "changes", "sentence", "remedy"), SENTENCES, ids=[case[2] for case in SENTENCES])
def test_a_sentence_says_what_is_wrong_and_what_to_write(
    chart: Chart, values: Values, changes: Values, sentence: str, remedy: str
) -> None:
    assert remedy in the_only_problem(chart, merged(values, changes), sentence)


def test_all_problems_are_told_at_once(chart: Chart) -> None:
    text = refusal(chart, {})
    for sentence in (
        "nodeName",
        "image.repository",
        "edge.url",
        "token.issuer",
        "token.clientId",
        "token.existingSecret",
    ):
        assert f"{sentence} is missing" in text


def test_a_dependency_that_wants_shared_values_may_set_them(chart: Chart) -> None:
    assert chart.render(merged(REMOTE, {"global": {"of": "a parent"}})) == chart.render(REMOTE)
