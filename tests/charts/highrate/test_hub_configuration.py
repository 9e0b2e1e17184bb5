"""The hub's own configuration, executed from the rendered values: what it starts with, and the pods that it would make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_config.auth.iam import IAMAuthenticator
from hub_config.spawn.restricted import violations
from hub_config.spawn.spawner import PlatformSpawner
from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator
from jupyterhub.crypto import CryptKeeper
from jupyterhub.proxy import ConfigurableHTTPProxy
from jupyterhub.spawner import Spawner
from kubespawner import KubeSpawner

from tests.charts.highrate.hub import Hub, run, section
from tests.charts.navigation import of_kind, one, selects
from tests.charts.rendering import HIGHRATE, WITH_MONITORS, Chart, Object, Release, Values, merged, read_values

CLASSES: dict[str, Any] = {
    each.__name__: each
    for each in (
        *(JupyterHub, Authenticator, IAMAuthenticator, Spawner, KubeSpawner, PlatformSpawner),
        *(ConfigurableHTTPProxy, CryptKeeper),
    )
}
EVERYTHING = read_values(HIGHRATE / "ci" / "everything-values.yaml")
TWO_SITES = read_values(HIGHRATE / "ci" / "two-sites-values.yaml")
Spawners = Callable[..., Any]


@pytest.fixture
def hub(objects: list[Object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub of each values file in turn."""
    return run(objects, tmp_path, monkeypatch)


@pytest.fixture
def hub_of(chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hub]:
    """A hub of any values."""

    def made(values: Values, name: str = "site-one", namespace: str = "highrate") -> Hub:
        return run(chart.render(values, Release(name, namespace), WITH_MONITORS), tmp_path, monkeypatch)

    return made


def test_every_trait_that_is_set_exists(hub: Hub) -> None:
    for name in hub.config:
        known = CLASSES[name].class_trait_names(config=True)
        assert set(section(hub.config, name)) <= set(known), name


def test_the_classes_are_the_platform_s(hub: Hub) -> None:
    assert hub.config.JupyterHub.authenticator_class == "iam"
    assert hub.config.JupyterHub.spawner_class == "platform"


def test_the_authenticator_reads_its_secret_and_its_authorities(hub: Hub, values: Values) -> None:
    given = section(hub.config, "IAMAuthenticator")
    assert hub.file(given["client_secret_file"]).read_text().strip() == "secret of the client"
    assert hub.file(given["ca_file"]).is_file() == bool(values.get("caBundle"))
    hub.config.IAMAuthenticator.client_secret_file = str(hub.file(given["client_secret_file"]))
    authenticator = IAMAuthenticator(config=hub.config)
    assert authenticator.client_secret == "secret of the client"
    issuer = values["jupyterhub"]["hub"]["config"]["IAMAuthenticator"]["issuer"]
    assert authenticator.token_url == f"{issuer}token"
    assert authenticator.allowed_groups and authenticator.manage_groups and authenticator.enable_auth_state


def test_hub_proxy_and_services_find_each_other(hub: Hub) -> None:
    services = {service["metadata"]["name"]: service for service in of_kind(hub.objects, "Service")}
    for url, ending in ((hub.config.JupyterHub.hub_connect_url, "hub"), (_proxy(hub), "proxy-api")):
        host, _, port = url.removeprefix("http://").partition(":")
        assert host.endswith(ending) and services[host]["spec"]["ports"][0]["port"] == int(port)
    roles = {role["name"]: role for role in hub.config.JupyterHub.load_roles}
    assert roles["tokens"]["services"] == ["tokens"]
    assert set(roles["tokens"]["scopes"]) == {"list:users", "admin:auth_state"}
    assert roles["metrics"] == {"name": "metrics", "services": ["metrics"], "scopes": ["read:metrics"]}
    assert roles["dask-gateway"]["services"] == ["dask-gateway"]
    assert set(roles["dask-gateway"]["scopes"]) == {"list:users", "read:servers", "users:activity"}


def test_the_proxy_s_routes_are_looked_at_as_often_as_the_values_say(hub: Hub, values: Values) -> None:
    said = values["jupyterhub"]["hub"]["config"].get("JupyterHub", {})
    assert hub.config.JupyterHub.last_activity_interval == said.get("last_activity_interval", 5)


def test_the_token_service_shows_the_token_that_the_hub_knows(hub: Hub) -> None:
    known = {service["name"]: service.get("api_token") for service in hub.config.JupyterHub.services}
    deployment = one(hub.objects, "Deployment", "tokens")
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    secret = one(hub.objects, "Secret", volumes["hub"]["secret"]["secretName"])
    (item,) = volumes["hub"]["secret"]["items"]
    assert (hub.folder / "usr/local/etc/jupyterhub/secret" / item["key"]).read_text() == known["tokens"]
    assert len(known["tokens"]) >= 32
    assert item["key"] in secret["data"]


def test_secrets_are_of_use_to_the_hub(hub: Hub) -> None:
    assert bytes.fromhex(hub.config.JupyterHub.cookie_secret)
    assert [len(key) for key in CryptKeeper(config=hub.config).keys] == [32]


async def test_the_pod_is_restricted_and_has_home_scratch_and_cvmfs(
    hub: Hub, values: Values, spawner: Spawners
) -> None:
    pod = await _pod(hub, spawner)
    wanted = values["jupyterhub"]["custom"]["highrate"].get("cvmfs", {"mode": "none"})
    names = [volume["name"] for volume in pod["spec"]["volumes"]]
    node = f"spec.volumes[{names.index('highrate-cvmfs')}].hostPath" if wanted["mode"] == "hostPath" else None
    assert [violation.split(" ")[0] for violation in violations(pod)] == ([node] if node else [])
    assert pod["spec"]["automountServiceAccountToken"] is False
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    assert volumes["highrate-home"]["persistentVolumeClaim"]["claimName"] == "claim-mario"
    assert volumes["highrate-scratch"]["emptyDir"]["sizeLimit"]
    assert {"/scratch", "/run/highrate"} <= mounts.keys()
    if wanted["mode"] == "none":
        assert "/cvmfs" not in mounts
    else:
        assert mounts["/cvmfs"]["readOnly"] is True and mounts["/cvmfs"]["mountPropagation"] == "HostToContainer"


async def test_the_home_is_a_claim_of_the_size_that_the_values_say(hub: Hub, values: Values, spawner: Spawners) -> None:
    made = await _started(hub, spawner)
    claim = made.api.api_client.sanitize_for_serialization(made.get_pvc_manifest())
    home = values["jupyterhub"]["custom"]["highrate"].get("home", {})
    assert claim["spec"]["resources"]["requests"]["storage"] == home.get("capacity", "10Gi")
    assert claim["spec"].get("storageClassName") == home.get("storageClass")
    assert claim["spec"]["accessModes"] == home.get("accessModes", ["ReadWriteOnce"])
    assert made.delete_pvc is False


async def test_the_pod_is_told_of_this_release_s_token_service(hub: Hub, values: Values, spawner: Spawners) -> None:
    pod = await _pod(hub, spawner)
    told = {variable["name"]: variable.get("value") for variable in pod["spec"]["containers"][0]["env"]}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    authority = volumes["highrate-ca"]["configMap"]["name"]
    given = values["jupyterhub"]["custom"]["highrate"].get("tokens", {})
    if given:
        assert (told["HIGHRATE_TOKENS_URL"], authority) == (given["url"], given["caConfigMap"])
    else:
        service = one(hub.objects, "Service", "tokens")
        name = f"{service['metadata']['name']}.highrate.svc"
        assert told["HIGHRATE_TOKENS_URL"] == f"https://{name}:{service['spec']['ports'][0]['port']}"
        assert one(hub.objects, "ConfigMap", authority)["data"].keys() == {"ca.crt"}
    assert told["HIGHRATE_TOKEN_PROFILE"] == given.get("profile", "storage")
    assert told["BEARER_TOKEN_FILE"].startswith("/run/highrate/")
    assert not {name for name in told if "SECRET" in name or "REFRESH" in name}


async def test_policies_know_the_pod(hub: Hub, values: Values, spawner: Spawners) -> None:
    pod = await _pod(hub, spawner)
    labels, selectors = pod["metadata"]["labels"], []
    for policy in of_kind(hub.objects, "NetworkPolicy"):
        if selects(policy["spec"]["podSelector"]["matchLabels"], labels):
            selectors.append(policy["metadata"]["name"].removeprefix("analysis-"))
    enabled = values.get("networkPolicy", {}).get("enabled", True)
    dask = values["jupyterhub"]["custom"]["highrate"].get("dask", {}).get("enabled", False)
    expected = ["singleuser", *(["singleuser-to-dask"] if dask else []), "singleuser-to-tokens"]
    assert sorted(selectors) == (expected if enabled else [])
    assert labels["hub.jupyter.org/network-access-hub"] == "true"
    assert pod["spec"]["containers"][0]["ports"][0]["name"] == "notebook-port"


async def test_the_choice_of_the_catalogue_makes_the_pod(hub_of: Callable[..., Hub], spawner: Spawners) -> None:
    hub = hub_of(TWO_SITES)
    pod = await _pod(hub, spawner, {"image": "offload", "cores": 4, "memory": 8}, groups=["/experiment/analysis"])
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "registry.example.org/highrate/jupyterlab-offload:1.0"
    assert container["resources"]["limits"] == {"cpu": 4.0, "memory": 8 * 2**30}


def test_the_administrator_s_secret_lies_over_the_values(hub_of: Callable[..., Hub]) -> None:
    assert hub_of(EVERYTHING).config.JupyterHub.cookie_max_age_days == 3


def test_users_can_find_the_service_whatever_prefix_the_names_have(hub_of: Callable[..., Hub]) -> None:
    minimal = read_values(HIGHRATE / "ci" / "minimal-values.yaml")
    hub = hub_of(merged(minimal, {"jupyterhub": {"fullnameOverride": None}}), namespace="elsewhere")
    tokens = hub.config.PlatformSpawner.platform.tokens
    service = one(hub.objects, "Service", "tokens")["metadata"]["name"]
    assert tokens.url == f"https://{service}.elsewhere.svc:8443"
    assert one(hub.objects, "ConfigMap", tokens.ca_config_map)
    settings = yaml.safe_load(one(hub.objects, "ConfigMap", "tokens")["data"]["token-service.yaml"])
    assert settings["hub"]["url"] == f"{hub.config.JupyterHub.hub_connect_url}/hub/api"


def _proxy(hub: Hub) -> str:
    url: str = hub.config.ConfigurableHTTPProxy.api_url
    return url


async def _started(hub: Hub, spawner: Spawners, options: object = None, groups: object = ()) -> Any:
    made = spawner(options, groups=groups, config=hub.config)
    await made.load_user_options()
    return made


async def _pod(hub: Hub, spawner: Spawners, options: object = None, groups: object = ()) -> Object:
    made = await _started(hub, spawner, options, groups)
    plain: Object = made.api.api_client.sanitize_for_serialization(await made.get_pod_manifest())
    return plain
