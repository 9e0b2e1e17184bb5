"""Releases beside each other, with any name, and one release upgraded."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from devcluster.charts import assemble

from tests.charts.identities import identities, immutable, selectors
from tests.charts.navigation import of_kind, selects, workloads
from tests.charts.rendering import VIRTUAL_NODE, WITH_MONITORS, Chart, Release, merged, read_values
from tests.schemas import validate

REMOTE = read_values(VIRTUAL_NODE / "ci" / "remote-values.yaml")
EVERYTHING = read_values(VIRTUAL_NODE / "ci" / "remote-everything-values.yaml")
CLUSTER = read_values(VIRTUAL_NODE / "ci" / "cluster-schedd-values.yaml")
CHANNEL = {"enabled": True, "url": "wss://hub.example.org/job-channel", "ingress": {"enabled": True}}
WITHOUT_CERTIFICATES = merged(  # they take long to make
    CLUSTER, {"edge": {"existingTlsSecret": "made-elsewhere"}, "channel": CHANNEL}
)

# Names that Helm allows but Services or labels do not, and pairs that a careless shortening would make one.
NAMES = [
    "a",
    "1",
    "no",
    "1e3",
    "n-1",
    "site.one",
    "site-one",
    "site-one-edge",
    "x" * 53,
    "x" * 52 + "y",
    "a." * 26 + "b",
    "-".join("a" * 27),
]
DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@pytest.mark.parametrize("name", NAMES)
def test_any_release_name_gives_valid_names(chart: Chart, name: str) -> None:
    for obj in chart.render(WITHOUT_CERTIFICATES, Release(name)):
        text = obj["metadata"]["name"]
        assert len(text) <= 63
        if obj["kind"] == "Service":
            assert DNS_LABEL.fullmatch(text)
        if obj["kind"] == "StatefulSet":  # its pods carry the name and a hash of ten in a label
            assert len(text) <= 63 - 11
        assert all(len(value) <= 63 for value in obj["metadata"]["labels"].values())


def test_names_that_look_like_something_else_in_yaml_stay_text(chart: Chart) -> None:
    values = merged(
        EVERYTHING,
        {
            "nodeName": "1e3",
            "namespaces": ["123"],
            "image": {"pullSecrets": ["0x1f"]},
            "token": {"existingSecret": "1.0", "clientId": "7", "audience": "true", "scope": "~"},
            "kubelet": {"existingTlsSecret": "0.1"},
            "node": {"labels": {"a": "yes"}},
            "pods": {"priorityClassName": "0"},
        },
    )
    for obj in chart.render(values, Release("on", "42"), WITH_MONITORS):
        if obj["apiVersion"] != "monitoring.coreos.com/v1":
            validate(obj)


def test_two_releases_in_one_namespace_have_nothing_in_common(chart: Chart) -> None:
    releases = [chart.render(WITHOUT_CERTIFICATES, Release(name)) for name in NAMES]
    for one, other in combinations(releases, 2):
        assert not identities(one) & identities(other)
        for selector in selectors(one):
            assert not any(selects(selector, workload.labels) for workload in workloads(other))


def test_an_upgrade_touches_no_immutable_field(chart: Chart, tmp_path: Path) -> None:
    newer = _of_another_version(chart, tmp_path)
    for before, after in (
        (REMOTE, EVERYTHING),
        (CLUSTER, merged(CLUSTER, {"nodeName": "node-two", "condor": {"mode": "ce"}, "channel": CHANNEL})),
    ):
        old = immutable(chart.render(before, options=WITH_MONITORS))
        new = immutable(newer.render(merged(after, {"edge": {"storage": {"size": "20Gi"}}}), options=WITH_MONITORS))
        assert all(new[identity] == fields for identity, fields in old.items() if identity in new)
        assert any(identity in new for identity in old)


def test_the_claim_is_not_part_of_the_stateful_set(chart: Chart) -> None:
    (stateful_set,) = of_kind(chart.render(CLUSTER), "StatefulSet")
    assert "volumeClaimTemplates" not in stateful_set["spec"]


def test_a_new_chart_version_alone_replaces_no_pod(chart: Chart, tmp_path: Path) -> None:
    values = merged(WITHOUT_CERTIFICATES, {"image": {"tag": "1.2.3"}})
    before, after = chart.render(values), _of_another_version(chart, tmp_path).render(values)
    assert [w.object["spec"]["template"] for w in workloads(before)] == [
        w.object["spec"]["template"] for w in workloads(after)
    ]


def test_labels_of_the_values_come_on_top_and_change_no_selector(chart: Chart) -> None:
    labels = {"example.org/team": "one", "app.kubernetes.io/name": "another", "highrate/site": "another"}
    annotations = {"example.org/owner": "somebody", "checksum/config": "constant"}
    plain = workloads(chart.render(REMOTE))[0]
    (changed,) = workloads(chart.render(merged(REMOTE, {"pods": {"labels": labels, "annotations": annotations}})))
    assert changed.labels == plain.labels | {"example.org/team": "one"}
    added = changed.object["spec"]["template"]["metadata"]["annotations"]
    assert added == plain.object["spec"]["template"]["metadata"]["annotations"] | {"example.org/owner": "somebody"}


def test_a_changed_setting_replaces_the_pod(chart: Chart) -> None:
    before, after = (chart.render(merged(REMOTE, {"token": {"audience": text}})) for text in ("one", "two"))
    assert [w.object["spec"]["template"] for w in workloads(before)] != [
        w.object["spec"]["template"] for w in workloads(after)
    ]


def _of_another_version(chart: Chart, folder: Path) -> Chart:
    copy = assemble(VIRTUAL_NODE, folder)
    about: dict[str, Any] = yaml.safe_load((copy / "Chart.yaml").read_text(encoding="utf-8"))
    about.update(version="99.0.0", appVersion="99.0.0")
    (copy / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    return Chart(chart.helm, copy, chart.kept)
