"""The platform's chart on a real API server: what is made at random stays, and a second upgrade changes nothing.

The charts tier renders without a cluster, where Helm's `lookup` finds nothing: secrets that are kept, and what a dry run sees of a
namespace, exist only here.
"""

import dataclasses
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from devcluster.charts import assemble, jupyterhub_chart

from tests.charts.rendering import HIGHRATE, ROOT, Values, ci_values, merged, read_values
from tests.cluster.charts.conftest import KINDS, RESTRICTED, Failed, Releases

CI = {path.name.removesuffix("-values.yaml"): read_values(path) for path in ci_values(HIGHRATE)}
NO_OPERATOR: Values = {"metrics": {"podMonitor": {"enabled": False}}}
NAME = "highrate"
# An API server counts a claim's version up even if nothing differs, and the generation of a policy with an empty selector, as
# Zero to JupyterHub has one.
BOOKKEEPING = {"resourceVersion", "managedFields"}
BOOKKEEPING_OF_POLICIES = BOOKKEEPING | {"generation"}


@dataclass(frozen=True)
class Release:
    """One release in a namespace of its own."""

    releases: Releases
    namespace: str

    def install(self, values: Values, *options: str) -> None:
        """Install or upgrade. Raises Failed."""
        self.releases.install(NAME, values, self.namespace, *options)

    def objects(self) -> dict[str, dict[str, Any]]:
        """All that Helm made for it, in whatever namespace, by kind and name."""
        kinds = f"{KINDS},poddisruptionbudget,ingress"
        found = json.loads(self.releases.kubectl("get", kinds, "--all-namespaces", "--output=json"))["items"]
        return {
            f"{obj['kind']}/{obj['metadata']['name']}": _without_bookkeeping(obj)
            for obj in found
            if (obj["metadata"].get("annotations") or {}).get("meta.helm.sh/release-namespace") == self.namespace
        }

    def secrets(self) -> dict[str, dict[str, str]]:
        """Their data, without the values that the hub reads, which hold what was changed."""
        return {
            name: {key: text for key, text in obj.get("data", {}).items() if key != "values.yaml"}
            for name, obj in self.objects().items()
            if obj["kind"] == "Secret"
        }


@pytest.fixture(scope="module")
def platforms(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Helm with the platform's chart; with the real chart of JupyterHub where the environment names it."""
    folder = tmp_path_factory.mktemp("platforms")
    releases.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "analysis"}})
    chart = assemble(HIGHRATE, folder, {"jupyterhub": jupyterhub_chart(ROOT).folder})
    return dataclasses.replace(releases, chart=chart)


@pytest.fixture
def release(platforms: Releases) -> Iterator[Release]:
    """In a new namespace, since claims that nothing collects would be found by the next; gone after the test."""
    namespace = f"platform-{uuid.uuid4().hex[:8]}"
    platforms.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    yield Release(platforms, namespace)
    platforms.uninstall(NAME, namespace, "--ignore-not-found")


@pytest.mark.parametrize("values", ["everything", "two-sites"])
def test_a_second_upgrade_with_the_same_values_changes_nothing(release: Release, values: str) -> None:
    """The first one replaces the pods of hub and proxy: at install Zero to JupyterHub rolls dice for its secrets, and once more for
    the annotations with their checksums."""
    chosen = _without_operator(CI[values])
    release.install(chosen)
    release.install(chosen)
    before = release.objects()
    assert {"Deployment", "Secret", "ConfigMap"} <= {obj["kind"] for obj in before.values()}
    release.install(chosen)
    after = release.objects()
    assert after.keys() == before.keys()
    assert {name: (before[name], obj) for name, obj in after.items() if obj != before[name]} == {}


def test_what_is_made_at_random_stays_when_other_values_change(release: Release) -> None:
    values = _without_operator(CI["two-sites"])
    release.install(values)
    before = release.secrets()
    release.install(merged(values, {"logLevel": "debug", "tokens": {"replicas": 2}}))
    assert release.secrets() == before
    keys = {key for data in before.values() for key in data}
    assert {"tls.key", "hub.config.JupyterHub.cookie_secret", "hub.config.ConfigurableHTTPProxy.auth_token"} <= keys


def test_a_dry_run_on_the_server_makes_nothing_and_sees_what_the_namespace_forbids(release: Release) -> None:
    release.install(CI["minimal"], "--dry-run=server")
    assert release.objects() == {}
    label, standard = next(iter(RESTRICTED.items()))
    release.releases.kubectl("label", "namespace", release.namespace, f"{label}={standard}")
    folder: Values = {"jupyterhub": {"custom": {"highrate": {"cvmfs": {"mode": "hostPath"}}}}}
    with pytest.raises(Failed, match=f"{release.namespace} enforces the restricted Pod"):
        release.install(merged(CI["minimal"], folder), "--dry-run=server")


def _without_bookkeeping(obj: dict[str, Any]) -> dict[str, Any]:
    left_out = BOOKKEEPING_OF_POLICIES if obj["kind"] == "NetworkPolicy" else BOOKKEEPING
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key not in left_out}}


def _without_operator(values: Values) -> Values:
    return merged(values, {**NO_OPERATOR, "sites": dict.fromkeys(values.get("sites", {}), NO_OPERATOR)})
