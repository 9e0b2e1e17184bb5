"""What Helm prints after an install: where to log in, what to register, what to look at."""

import pytest
from devcluster.charts import jupyterhub_chart
from hub_config.spawn.restricted import violations

from tests.charts.highrate.keys_given import TOKENS_CERTIFICATE
from tests.charts.navigation import of_kind
from tests.charts.rendering import HIGHRATE, ROOT, Chart, Release, Values, merged, read_values
from tests.charts.test_notes import pods_to_try

MINIMAL = read_values(HIGHRATE / "ci" / "minimal-values.yaml")
TWO_SITES = read_values(HIGHRATE / "ci" / "two-sites-values.yaml")
EVERYTHING = merged(
    read_values(HIGHRATE / "ci" / "everything-values.yaml"),
    {"metrics": {"podMonitor": {"enabled": False}}, "sites": {"one": {"metrics": {"podMonitor": {"enabled": False}}}}},
)

NAMED = {"jupyterhub": {"httpRoute": {"hostnames": ["hub.example.org"]}}}
BEHIND_A_GATEWAY = merged(
    MINIMAL, {"jupyterhub": {"proxy": {"https": {"enabled": False}}, "httpRoute": {"enabled": True}}}
)


@pytest.mark.parametrize(
    ("values", "address"),
    [
        (EVERYTHING, "https://hub.example.org/"),
        (TWO_SITES, "https://hub.example.org/analysis/"),
        (merged(BEHIND_A_GATEWAY, NAMED), "https://hub.example.org/"),
        (BEHIND_A_GATEWAY, "kubectl get service -n highrate proxy-public"),
        (merged(MINIMAL, NAMED), "kubectl get service -n highrate proxy-public"),
        (MINIMAL, "kubectl get service -n highrate proxy-public"),
    ],
    ids=["proxy", "ingress", "route", "route without names", "route that is off", "service"],
)
def test_the_address_to_log_in_is_told(chart: Chart, values: Values, address: str) -> None:
    assert f"    {address}\n" in chart.notes(values)


@pytest.mark.parametrize("values", [EVERYTHING, TWO_SITES], ids=["proxy", "ingress"])
@pytest.mark.parametrize(
    ("base", "path"), [("/", "/"), ("/analysis", "/analysis/"), ("/analysis/", "/analysis/")], ids=lambda text: text
)
def test_the_redirect_address_may_be_made_by_appending_to_the_address(
    chart: Chart, values: Values, base: str, path: str
) -> None:
    notes = chart.notes(merged(values, {"jupyterhub": {"hub": {"baseUrl": base}}}))
    assert f"    https://hub.example.org{path}\n" in notes
    assert "That address with hub/oauth_callback at its end" in notes


@pytest.mark.parametrize("values", [EVERYTHING, TWO_SITES, MINIMAL], ids=["everything", "two sites", "minimal"])
def test_commands_name_what_the_release_has(chart: Chart, values: Values) -> None:
    release = Release("platform", "somewhere")
    values = merged(values, TOKENS_CERTIFICATE)
    notes = chart.notes(values, release)
    deployments = [each["metadata"]["name"] for each in of_kind(chart.render(values, release), "Deployment")]
    looked_at = [name for name in deployments if f"-n somewhere deploy/{name}" in notes]
    assert set(deployments) - set(looked_at) <= {"proxy", "analysis-proxy"}


def test_every_site_is_told_with_a_pod_to_try(chart: Chart) -> None:
    notes = chart.notes(TWO_SITES)
    for key, site in TWO_SITES["sites"].items():
        assert f"Site {key}:" in notes and f"kubectl get node {site['nodeName']}" in notes
        assert f'kubernetes.io/hostname: "{site["nodeName"]}"' in notes
    pods = pods_to_try(notes)
    assert len(pods) == len(TWO_SITES["sites"])
    assert all(violations(pod) == [] for pod in pods)


def test_a_stand_in_says_that_it_is_one(chart: Chart) -> None:
    assert ("not for production" in chart.notes(MINIMAL)) == jupyterhub_chart(ROOT).is_stand_in


def test_no_value_that_may_be_secret_is_shown(chart: Chart) -> None:
    for values in (EVERYTHING, TWO_SITES, MINIMAL):
        notes = chart.notes(values)
        assert "BEGIN" not in notes and "extraConfig" not in notes and "0000000000" not in notes
