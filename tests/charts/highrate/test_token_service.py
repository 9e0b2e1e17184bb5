"""The file that the chart writes for the token service is one that the service takes; every path in it is mounted."""

from pathlib import Path

import pytest
import yaml
from service_runtime.settings import load_settings
from token_service.model.settings import Limits, Settings

from tests.charts.highrate.hub import GIVEN
from tests.charts.highrate.keys_given import DASK_KEYS, EDGE_CERTIFICATE
from tests.charts.highrate.mounted import mount
from tests.charts.navigation import Workload, one, workloads
from tests.charts.rendering import HIGHRATE, Chart, Object, Values, merged, read_values

CONFIG = "etc/highrate/config/token-service.yaml"
TWO_SITES = merged(read_values(HIGHRATE / "ci" / "two-sites-values.yaml"), {**DASK_KEYS, **EDGE_CERTIFICATE})
MADE_BY_HAND = {**GIVEN, "tokens-certificate": {"tls.crt": "-----BEGIN", "tls.key": "-----BEGIN"}}


def test_the_service_takes_its_file_with_what_is_mounted(objects: list[Object], values: Values, tmp_path: Path) -> None:
    settings = _settings(objects, tmp_path)
    assert set(settings.profiles) == {"storage", *values.get("tokens", {}).get("profiles", {})}
    assert settings.default_profile == values.get("tokens", {}).get("defaultProfile", "storage")
    iam = values["jupyterhub"]["hub"]["config"]["IAMAuthenticator"]
    assert (settings.issuer.url.rstrip("/"), settings.issuer.client_id) == (iam["issuer"].rstrip("/"), iam["client_id"])
    assert (settings.issuer.ca_file is not None) == bool(values.get("caBundle"))
    for path in (settings.hub.token_file, settings.issuer.client_secret_file):
        assert path.read_text().strip(), path


def test_its_limits_are_its_own_unless_the_values_say_otherwise(chart: Chart, tmp_path: Path) -> None:
    assert _settings(chart.render(TWO_SITES), tmp_path).limits == Limits()
    given = {"calls": 400, "perMinute": 0.5, "burst": 10, "addressPerMinute": 2_000_000, "addressBurst": 1_500_000}
    settings = _settings(chart.render(merged(TWO_SITES, {"tokens": {"limits": given}})), tmp_path)
    assert settings.limits == Limits(
        calls=400, per_minute=0.5, burst=10, address_per_minute=2_000_000, address_burst=1_500_000
    )


@pytest.mark.parametrize("name", ["no", "on", "1", "1e3", "null"])
def test_a_profile_may_have_a_name_that_is_something_else_in_yaml(chart: Chart, tmp_path: Path, name: str) -> None:
    tokens = {"profiles": {name: {"scope": "openid"}}, "defaultProfile": name}
    settings = _settings(chart.render(merged(TWO_SITES, {"tokens": tokens})), tmp_path)
    assert name in settings.profiles
    assert settings.default_profile == name


def test_it_listens_where_its_pod_has_ports(objects: list[Object], tmp_path: Path) -> None:
    settings = _settings(objects, tmp_path)
    ports = {port["name"]: port["containerPort"] for port in _workload(objects).container("token-service")["ports"]}
    assert ports == {"https": _port(settings.listen), "metrics": _port(settings.metrics)}
    (service_port,) = one(objects, "Service", "tokens")["spec"]["ports"]
    assert service_port["targetPort"] == "https"


def test_it_asks_the_hub_below_its_base_address(chart: Chart, tmp_path: Path) -> None:
    assert _settings(chart.render(TWO_SITES), tmp_path).hub.url == "http://hub:8081/analysis/hub/api"


@pytest.mark.parametrize(("basic", "way"), [(True, "basic"), (False, "post"), (None, "basic")])
def test_it_shows_its_secret_to_the_provider_as_the_hub_does(
    chart: Chart, tmp_path: Path, basic: bool | None, way: str
) -> None:
    login = {} if basic is None else {"basic_auth": basic}
    values = merged(TWO_SITES, {"jupyterhub": {"hub": {"config": {"IAMAuthenticator": login}}}})
    assert _settings(chart.render(values), tmp_path).issuer.client_authentication == way


def test_it_sees_of_the_hub_s_secret_its_own_token_alone(objects: list[Object], tmp_path: Path) -> None:
    _settings(objects, tmp_path)
    assert [path.name for path in (tmp_path / "run/highrate/hub").iterdir()] == ["token"]
    assert [path.name for path in (tmp_path / "run/highrate/client").iterdir()] == ["client-secret"]


def _settings(objects: list[Object], folder: Path) -> Settings:
    """The settings, with paths in `folder`, where the pod's files are laid out."""
    mount(objects, _workload(objects), "token-service", MADE_BY_HAND, folder)
    path = folder / CONFIG
    text = path.read_text(encoding="utf-8")
    for top in ("/etc/highrate", "/run/highrate"):
        text = text.replace(f" {top}", f" {folder}{top}")
    path.write_text(text, encoding="utf-8")
    assert yaml.safe_load(text)["tls"].keys() == {"cert", "key"}
    return load_settings(Settings, path, {}, unknown="error")


def _workload(objects: list[Object]) -> Workload:
    (found,) = [each for each in workloads(objects) if each.name.endswith("tokens")]
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
