"""Releases of the platform beside each other, with any name, and one release upgraded."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from devcluster.charts import assemble, jupyterhub_chart

from tests.charts.highrate.keys_given import ALL_KEYS
from tests.charts.identities import identities, immutable, selectors
from tests.charts.navigation import of_kind, one, selects, workloads
from tests.charts.rendering import (
    HIGHRATE,
    ROOT,
    WITH_MONITORS,
    Chart,
    Object,
    Release,
    Values,
    ci_values,
    merged,
    read_values,
)

TWO_SITES = read_values(HIGHRATE / "ci" / "two-sites-values.yaml")
KEYS_GIVEN = merged(TWO_SITES, ALL_KEYS)
MATRIX = {path.name.removesuffix("-values.yaml"): read_values(path) for path in ci_values(HIGHRATE)}
CLUSTERWIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "PriorityClass",
}
CHANGES: Values = {
    "dask": {
        "limits": {"workers": 300},
        "proxy": {"replicas": 3},
        "relay": {"limits": {"connections": 100}},
        "database": {"storage": {"size": "9Gi"}},
    },
    "tokens": {"replicas": 3, "profiles": {"other": {"scope": "openid"}}},
    "pods": {"labels": {"example.org/team": "another"}},
    "logLevel": "debug",
    "jupyterhub": {
        "hub": {"labels": {"example.org/team": "another"}, "db": {"pvc": {"storage": "20Gi"}}},
        "custom": {"highrate": {"scratch": {"limit": "50Gi"}}},
    },
}


@pytest.mark.parametrize(
    "name", ["a", "1", "no", "1e3", "site.one", "highrate", "jupyterhub", "x" * 53, "a." * 26 + "b"]
)
def test_any_release_name_gives_valid_names(chart: Chart, name: str) -> None:
    for obj in chart.render(KEYS_GIVEN, Release(name)):
        assert len(obj["metadata"]["name"]) <= 63
        assert all(isinstance(text, str) and len(text) <= 63 for text in obj["metadata"]["labels"].values())
        if obj["kind"] == "Service":
            assert "." not in obj["metadata"]["name"] and obj["metadata"]["name"][0].isalpha()


def test_the_same_release_in_two_namespaces_shares_nothing(chart: Chart) -> None:
    first, second = (chart.render(KEYS_GIVEN, Release("same", namespace)) for namespace in ("one", "two"))
    assert not _placed(first, "one") & _placed(second, "two")
    assert {"ClusterRole", "ValidatingAdmissionPolicy"} <= {kind for kind, _, _ in _placed(first, "one")}


def test_two_releases_in_one_namespace_share_nothing_with_prefixes_of_their_own(chart: Chart) -> None:
    first, second = (
        chart.render(merged(KEYS_GIVEN, _in_shared_namespace(name)), Release(name), WITH_MONITORS)
        for name in ("first", "second")
    )
    assert not identities(first) & identities(second)
    for mine, others in ((first, second), (second, first)):
        for selector in selectors(mine):
            assert not any(selects(selector, workload.labels) for workload in workloads(others)), selector


@pytest.mark.parametrize("before", MATRIX)
def test_an_upgrade_touches_no_immutable_field(chart: Chart, tmp_path: Path, before: str) -> None:
    values = MATRIX[before]
    old = immutable(chart.render(values, options=WITH_MONITORS))
    new = immutable(_of_another_version(chart, tmp_path).render(merged(values, CHANGES), options=WITH_MONITORS))
    assert old == {identity: new[identity] for identity in old}


def test_a_new_chart_version_alone_replaces_no_pod_of_ours(chart: Chart, tmp_path: Path) -> None:
    values = merged(KEYS_GIVEN, {"image": {"tag": "1.2.3"}})
    before, after = (
        {w.name: w.object["spec"]["template"] for w in workloads(each.render(values)) if "component" not in w.labels}
        for each in (chart, _of_another_version(chart, tmp_path))
    )
    assert before and before == after


def test_only_the_token_service_is_replaced_when_its_profiles_change(chart: Chart) -> None:
    values = merged(KEYS_GIVEN, _with_fixed_secrets())
    before, after = (
        {w.name: w.object["spec"]["template"] for w in workloads(chart.render(merged(values, changes)))}
        for changes in ({}, {"tokens": {"profiles": {"other": {"scope": "openid"}}}})
    )
    assert [name for name in before if before[name] != after[name]] == ["Deployment/tokens"]


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"limits": {"workers": 300}}, {"Deployment/dask-gateway"}),
        ({"relay": {"replicas": 3}}, {"Deployment/dask-gateway"}),
        ({"relay": {"limits": {"connections": 100}}}, {"StatefulSet/relay"}),
        ({"proxy": {"replicas": 3}}, set()),
        ({"namespace": "users"}, {"Deployment/dask-gateway"}),
    ],
    ids=str,
)
def test_what_a_change_of_dask_replaces(chart: Chart, change: Values, replaced: set[str]) -> None:
    """What is connected through proxy and relay stays where the change is none of theirs."""
    values = merged(KEYS_GIVEN, _with_fixed_secrets())
    values = merged(values, {"sites": {"schedd": {"namespaces": ["analysis", "users"]}}})
    before, after = (
        {w.name: w.object["spec"]["template"] for w in workloads(chart.render(merged(values, {"dask": changes})))}
        for changes in ({}, change)
    )
    assert {name for name in before if before[name] != after[name]} == replaced


def test_a_second_rendering_differs_in_what_is_made_at_random_alone(chart: Chart) -> None:
    """With every secret given there is nothing at random: the second upgrade in a row changes nothing."""
    values = merged(KEYS_GIVEN, _with_fixed_secrets())
    assert chart.render(values) == chart.render_anew(values)


def test_the_claim_of_the_hub_is_none_of_the_deployment(chart: Chart) -> None:
    claims = {claim["metadata"]["name"] for claim in of_kind(chart.render(TWO_SITES), "PersistentVolumeClaim")}
    assert claims == {"hub-db-dir", "dask-gateway", "site-one-schedd-edge"}


def test_the_hub_restarts_when_what_users_choose_from_changes(chart: Chart) -> None:
    """It reads its values only when it starts."""
    values = merged(KEYS_GIVEN, _with_fixed_secrets())
    before, after = (
        one(chart.render(merged(values, changes)), "Deployment", "hub")["spec"]["template"]
        for changes in ({}, {"jupyterhub": {"custom": {"highrate": {"scratch": {"limit": "1Gi"}}}}})
    )
    assert before["metadata"]["annotations"]["checksum/secret"] != after["metadata"]["annotations"]["checksum/secret"]
    assert before["spec"] == after["spec"]


def _with_fixed_secrets() -> Values:
    key = "0123456789abcdef" * 4
    return {
        "jupyterhub": {
            "hub": {
                "config": {"JupyterHub": {"cookie_secret": key}, "CryptKeeper": {"keys": [key]}},
                "services": {name: {"apiToken": key} for name in ("tokens", "metrics", "dask-gateway")},
            },
            "proxy": {"secretToken": key},
        }
    }


def _in_shared_namespace(name: str) -> Values:
    return {
        "caBundle": {"certificates": "", "existingConfigMap": "highrate-ca"},
        "metrics": {"dashboards": {"enabled": True}, "podMonitor": {"enabled": True}},
        "jupyterhub": {"fullnameOverride": name},
    }


def _placed(objects: list[Object], namespace: str) -> set[tuple[str, str | None, str]]:
    """Identities with the namespace that Helm installs into, where the object itself names none."""
    return {
        (kind, where or (None if kind in CLUSTERWIDE else namespace), name) for kind, where, name in identities(objects)
    }


def _of_another_version(chart: Chart, folder: Path) -> Chart:
    copy = assemble(HIGHRATE, folder, {"jupyterhub": jupyterhub_chart(ROOT).folder})
    about: dict[str, Any] = yaml.safe_load((copy / "Chart.yaml").read_text(encoding="utf-8"))
    about.update(version="99.0.0", appVersion="99.0.0")
    (copy / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    return Chart(chart.helm, copy, chart.kept)
