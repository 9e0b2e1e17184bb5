"""The files that the chart writes for gateway, proxy and relay are ones that they take; every path in them is mounted."""

import base64
import time
from pathlib import Path
from typing import TypeVar

import pytest
from offload_backend.app.gateway_config import gateway_config, proxy_config
from offload_backend.io.tickets import TicketSigner
from offload_backend.model.settings import Settings
from relay.core.keys import public_keys
from relay.core.verify import verified
from relay.model.settings import Settings as RelaySettings
from service_runtime.settings import Section, load_settings

from tests.charts.highrate.keys_given import EDGE_CERTIFICATE, TOKENS_CERTIFICATE
from tests.charts.highrate.mounted import Given, mount
from tests.charts.navigation import Workload, of_kind, one, workloads
from tests.charts.rendering import HIGHRATE, WITH_MONITORS, Chart, Object, Release, Values, merged, read_values

TWO_SITES = merged(read_values(HIGHRATE / "ci" / "two-sites-values.yaml"), {**TOKENS_CERTIFICATE, **EDGE_CERTIFICATE})
EVERYTHING = read_values(HIGHRATE / "ci" / "everything-values.yaml")
NO_POLICIES = read_values(HIGHRATE / "ci" / "no-policies-values.yaml")
WITH_DASK = {"two-sites": TWO_SITES, "everything": EVERYTHING, "no-policies": NO_POLICIES}
MINIMAL = read_values(HIGHRATE / "ci" / "minimal-values.yaml")
DATABASE_KEY = base64.b64encode(bytes(32)).decode()
SectionT = TypeVar("SectionT", bound=Section)
TOKEN = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def two_sites(chart: Chart) -> list[Object]:
    return chart.render(TWO_SITES)


@pytest.fixture(scope="module")
def keys(two_sites: list[Object]) -> dict[str, str]:
    """What the chart makes itself: another Secret of the same shape."""
    data = one(two_sites, "Secret", "dask-keys")["data"]
    return {key: base64.b64decode(text).decode() for key, text in data.items()}


@pytest.fixture
def given(keys: dict[str, str]) -> Given:
    """What administrators make by hand, in the values of the matrix."""
    return {
        "keys-of-the-gateway": {**keys, "database-key": DATABASE_KEY, "proxy-token": TOKEN},
        "postgres": {"url": "postgresql://gateway:secret@db.example.org/gateway"},
        "our-authorities": {"ca.crt": "-----BEGIN CERTIFICATE-----\n"},
        "relay-authority": {"ca.crt": "-----BEGIN CERTIFICATE-----\n"},
        "relay-certificate": {"tls.crt": "-----BEGIN", "tls.key": "-----BEGIN"},
    }


@pytest.mark.parametrize("case", WITH_DASK)
def test_the_gateway_takes_its_file_with_what_is_mounted(chart: Chart, case: str, given: Given, tmp_path: Path) -> None:
    values = WITH_DASK[case]
    settings = _settings(chart.render(values, options=WITH_MONITORS), "dask-gateway", given, tmp_path)
    config = gateway_config(settings)
    assert config.OffloadBackend.db_encrypt_keys and len(config.Proxy.api_token) >= 32
    assert settings.hub.token_file.read_text()
    assert set(settings.sites) == {"local", *values["dask"].get("sites", {})}
    members = settings.relay.members if settings.relay else []
    assert len(set(members)) == values["dask"].get("relay", {}).get("replicas", 0)


@pytest.mark.parametrize("name", ["no", "on", "1", "1e3", "null"])
def test_a_place_of_workers_may_have_a_name_that_is_something_else_in_yaml(
    chart: Chart, name: str, given: Given, tmp_path: Path
) -> None:
    objects = chart.render(merged(TWO_SITES, {"dask": {"sites": {name: {"reserved": 0.5}}}}))
    assert name in _settings(objects, "dask-gateway", given, tmp_path).sites


@pytest.mark.parametrize("case", WITH_DASK)
def test_of_the_gateway_s_secrets_the_proxy_sees_the_one_that_it_shows(
    chart: Chart, case: str, given: Given, tmp_path: Path
) -> None:
    objects = chart.render(WITH_DASK[case], options=WITH_MONITORS)
    theirs = gateway_config(_settings(objects, "dask-gateway", given, tmp_path / "gateway"))
    config = proxy_config(_settings(objects, "dask-proxy", given, tmp_path / "proxy"))
    assert config.Proxy.api_token == theirs.Proxy.api_token
    assert [path.name for path in (tmp_path / "proxy/run/highrate").rglob("*") if path.is_file()] == ["proxy-token"]


def test_where_dask_is_switched_off_there_is_nothing_of_it(chart: Chart) -> None:
    objects = chart.render(MINIMAL)
    assert not [each["metadata"]["name"] for each in objects if each["metadata"]["name"].startswith(("dask", "relay"))]


def test_ports_are_where_the_settings_say(two_sites: list[Object], tmp_path: Path) -> None:
    settings = _settings(two_sites, "dask-gateway", {}, tmp_path)
    ports = {
        port["name"]: port["containerPort"]
        for name in ("dask-gateway", "dask-proxy")
        for port in _workload(two_sites, name).container(name)["ports"]
    }
    assert ports == {
        "gateway": _port(settings.listen),
        "metrics": _port(settings.metrics),
        "proxy": _port(settings.proxy.address),
    }
    assert settings.api_url == f"{settings.proxy.gateway_url}/api"
    (port,) = one(two_sites, "Service", "dask-gateway")["spec"]["ports"]
    assert settings.proxy.gateway_url == f"http://dask-gateway.highrate.svc:{port['port']}"


@pytest.mark.parametrize("values", [TWO_SITES, EVERYTHING], ids=["two-sites", "everything"])
def test_each_member_of_the_relay_takes_a_file_of_its_own(
    chart: Chart, values: Values, given: Given, tmp_path: Path
) -> None:
    objects = chart.render(values, options=WITH_MONITORS)
    members = _members(objects, given, tmp_path)
    settings = _settings(objects, "dask-gateway", given, tmp_path / "gateway")
    assert settings.relay is not None
    assert [member.url for member in members] == settings.relay.members
    relay = _workload(objects, "relay")
    assert len(members) == relay.object["spec"]["replicas"]
    ports = {port["name"]: port["containerPort"] for port in relay.container("relay")["ports"]}
    for member in members:
        assert ports == {"relay": _port(member.listen), "metrics": _port(member.metrics)}
        assert (member.tls is not None) == bool(values["dask"]["relay"].get("existingTlsSecret"))
        assert member.limits.connections == values["dask"]["relay"].get("limits", {}).get("connections", 20_000)


def test_a_member_verifies_tickets_that_the_gateway_signs_and_can_sign_none(
    two_sites: list[Object], tmp_path: Path
) -> None:
    settings = _settings(two_sites, "dask-gateway", {}, tmp_path / "gateway")
    assert settings.relay is not None
    (member, *_) = _members(two_sites, {}, tmp_path)
    assert "PRIVATE" not in member.keys_file.read_text()
    tickets = TicketSigner(settings.relay.signing_key_file, 3600).tickets(member.url, "a-cluster", "mario")
    ticket = verified(tickets["listen"], public_keys(member.keys_file.read_bytes()), member.url, time.time())
    assert (ticket.user, ticket.cluster) == ("mario", "a-cluster")


def test_each_member_is_reached_by_a_service_of_its_own(chart: Chart, two_sites: list[Object]) -> None:
    relay = _workload(two_sites, "relay")
    for number, labels in enumerate(relay.labels_of_each):
        service = one(two_sites, "Service", f"relay-{number}")
        assert service["spec"]["selector"].items() <= labels.items()
        assert service["spec"]["selector"]["statefulset.kubernetes.io/pod-name"] == f"relay-{number}"
    everything = chart.render(EVERYTHING, options=WITH_MONITORS)
    ports = [one(everything, "Service", f"relay-{number}")["spec"]["ports"][0]["nodePort"] for number in range(3)]
    assert ports == [30450, 30451, 30452]


def test_a_load_balancer_listens_at_the_port_of_the_address(chart: Chart) -> None:
    relay = {"url": "https://{member}.example.org:8444", "service": {"type": "LoadBalancer"}}
    objects = chart.render(merged(TWO_SITES, {"dask": {"relay": relay}}))
    assert one(objects, "Service", "relay-0")["spec"]["ports"][0]["port"] == 8444


@pytest.mark.parametrize(("wall", "wait"), [("48h", "12h"), ("30d", "20d"), ("1d12h", "1h30m")])
def test_tickets_last_for_the_longest_job(chart: Chart, tmp_path: Path, wall: str, wait: str) -> None:
    """The settings refuse others, and a gateway that doesn't start is found later than an upgrade that stops."""
    sites = {"schedd": {"wallTime": {"default": "1h", "maximum": wall}}, "gpu": {"wallTime": {"maximum": wall}}}
    values = merged(TWO_SITES, {"dask": {"sites": sites, "timing": {"workerStart": wait}}})
    settings = _settings(chart.render(values), "dask-gateway", {}, tmp_path)
    assert settings.timing.worker_start == wait


def test_without_sites_there_is_no_relay_and_no_right_in_the_cluster(chart: Chart, tmp_path: Path) -> None:
    objects = chart.render(NO_POLICIES)
    settings = _settings(objects, "dask-gateway", {}, tmp_path)
    assert settings.relay is None and settings.namespace == "highrate"
    assert not of_kind(objects, "ClusterRole", "StatefulSet")


def test_pods_of_clusters_are_as_those_of_sessions(chart: Chart, tmp_path: Path) -> None:
    home = {"uid": 1234, "gid": 4321}
    secrets = {"imagePullSecrets": ["one"], "singleuser": {"image": {"pullSecrets": [{"name": "two"}]}}}
    values = merged(TWO_SITES, {"jupyterhub": {**secrets, "custom": {"highrate": {"home": home}}}})
    settings = _settings(chart.render(values), "dask-gateway", {}, tmp_path)
    assert (settings.pods.uid, settings.pods.gid) == (1234, 4321)
    assert settings.pods.image_pull_secrets == ["two", "one"]
    assert (settings.cvmfs.mode, settings.cvmfs.claim) == ("pvc", "cvmfs")


def test_two_releases_that_share_a_namespace_for_clusters_take_each_other_s_pods_for_strangers(chart: Chart) -> None:
    instances, names = set[str](), set[tuple[str, str]]()
    for where in ("one", "two"):
        objects = chart.render(TWO_SITES, Release("same", where))
        text = one(objects, "ConfigMap", "dask-gateway")["data"]["offload-gateway.yaml"]
        instances.add(next(line for line in text.splitlines() if line.startswith("instance: ")))
        for obj in objects:
            if obj["metadata"].get("namespace") == "analysis" and "dask" in obj["metadata"]["name"]:
                assert (obj["kind"], obj["metadata"]["name"]) not in names
                names.add((obj["kind"], obj["metadata"]["name"]))
    assert len(instances) == 2 and names


def _members(objects: list[Object], given: Given, folder: Path) -> list[RelaySettings]:
    """The settings of each member, with the files of its pod."""
    workload = _workload(objects, "relay")
    (option,) = [text for text in workload.container("relay")["args"] if "$(MEMBER)" in text]
    (variable,) = workload.container("relay")["env"]
    assert variable["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    found = []
    for labels in workload.labels_of_each:
        pod = labels["statefulset.kubernetes.io/pod-name"]
        place = folder / pod
        mount(objects, workload, "relay", given, place)
        found.append(_loaded(RelaySettings, place, option.replace("$(MEMBER)", pod)))
    return found


def _settings(objects: list[Object], name: str, given: Given, folder: Path) -> Settings:
    """The gateway's settings, with paths in `folder`, where the files of its pod, or the proxy's, are laid out."""
    workload = _workload(objects, name)
    mount(objects, workload, name, given, folder)
    arguments = workload.container(name)["args"]
    return _loaded(Settings, folder, arguments[arguments.index("--config") + 1])


def _loaded(kind: type[SectionT], folder: Path, path: str) -> SectionT:
    file = folder / path.lstrip("/")
    text = file.read_text(encoding="utf-8")
    for top in ("/etc/highrate", "/run/highrate"):
        text = text.replace(f" {top}", f" {folder}{top}")
    file.write_text(text, encoding="utf-8")
    return load_settings(kind, file, {}, unknown="error")


def _workload(objects: list[Object], name: str) -> Workload:
    (found,) = [each for each in workloads(objects) if each.name.endswith(name)]
    return found


def _port(address: object) -> int:
    return int(str(address).rpartition(":")[2])
