"""The edge's files, read by the services that they are for."""

from pathlib import Path

import pytest
import yaml
from condor_sidecar import settings as sidecar_settings
from devcluster.iam import registry
from devcluster.site import edge_config, layout
from devcluster.site.edge_config import INTERLINK, PROXY, SIDECAR, TOKENS, EdgeFolders
from interlink.server import settings as interlink_settings
from oauth2_proxy.model.settings import Settings as ProxySettings
from service_runtime.settings import load_settings
from token_refresher.model.settings import Settings as RefresherSettings


@pytest.fixture(params=list(layout.ENDPOINTS))
def endpoint(request: pytest.FixtureRequest) -> layout.Endpoint:
    return layout.ENDPOINTS[request.param]


@pytest.fixture
def files(endpoint: layout.Endpoint, tmp_path: Path) -> dict[str, Path]:
    """The files by service, with their certificates and secrets in a folder that exists."""
    for shared in (edge_config.CA, edge_config.CERTIFICATE, edge_config.KEY, edge_config.CLIENT_SECRET):
        (tmp_path / shared.name).write_text("something")
    written = {}
    for place, text in edge_config.files(endpoint).items():
        written[place.stem] = tmp_path / place.name
        written[place.stem].write_text(text.replace(f"{edge_config.CONFIGURATION}/", f"{tmp_path}/"))
    return written


def test_every_service_takes_its_file(files: dict[str, Path], endpoint: layout.Endpoint) -> None:
    assert set(files) == set(edge_config.SERVICES)
    assert sidecar_settings.load(files[SIDECAR], {}).endpoint.mode.value == endpoint.mode
    assert interlink_settings.load_server_settings(files[INTERLINK], {}).listen.scheme == "unix"
    assert load_settings(ProxySettings, files[PROXY]).issuers[0].issuer == registry.ISSUER
    assert load_settings(RefresherSettings, files[TOKENS]).tokens[0].client_id == registry.SIDECAR


def test_each_service_calls_the_next(files: dict[str, Path], endpoint: layout.Endpoint) -> None:
    proxy = load_settings(ProxySettings, files[PROXY])
    interlink = interlink_settings.load_server_settings(files[INTERLINK], {})
    sidecar = sidecar_settings.load(files[SIDECAR], {})
    refresher = load_settings(RefresherSettings, files[TOKENS])
    assert proxy.listen == f"https://0.0.0.0:{endpoint.edge_port}"
    assert proxy.upstream == interlink.InterlinkAddress
    assert interlink.plugin_url() == sidecar.listen
    assert sidecar.endpoint.auth.token_file == refresher.tokens[0].file
    assert sidecar.endpoint.collector == endpoint.collector


def test_only_tokens_for_the_edge_and_its_group_pass(files: dict[str, Path]) -> None:
    issuer = load_settings(ProxySettings, files[PROXY]).issuers[0]
    assert issuer.audiences == (registry.EDGE_AUDIENCE,)
    assert issuer.allow != "anyone"
    assert [rule.groups for rule in issuer.allow] == [(registry.EDGE_GROUP,)]


def test_the_two_endpoints_share_neither_port_nor_folder() -> None:
    seen: list[str] = []
    for endpoint in layout.ENDPOINTS.values():
        folders = EdgeFolders(endpoint)
        seen += [str(endpoint.edge_port), str(endpoint.queue_port), str(folders.run), str(folders.data)]
        seen += [folders.metrics(service) for service in edge_config.SERVICES]
    assert len(seen) == len(set(seen))


def test_only_the_proxy_listens_beyond_the_machine(files: dict[str, Path]) -> None:
    for service, place in files.items():
        listening = [str(value) for key, value in yaml.safe_load(place.read_text()).items() if "listen" in key.lower()]
        outside = [address for address in listening if not address.startswith("unix:")]
        assert bool(outside) == (service == PROXY)


def test_the_packet_filter_opens_queues_and_edge_alone() -> None:
    assert sorted(layout.open_ports()) == [9618, 9619, 10443, 10444]
