"""The configuration files of the edge's services, for one endpoint: pure text in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from devcluster.addresses import CE_NAME
from devcluster.iam import registry
from devcluster.images.reference import UNPACKED
from devcluster.site import layout

CONFIGURATION = PurePosixPath("/etc/highrate")
CA = CONFIGURATION / "ca.crt"
CERTIFICATE = CONFIGURATION / "tls.crt"
KEY = CONFIGURATION / "tls.key"
CLIENT_SECRET = CONFIGURATION / "sidecar-client-secret"

TOKENS = "token-refresher"
SIDECAR = "condor-sidecar"
INTERLINK = "interlink-server"
PROXY = "oauth2-proxy"
SERVICES = (TOKENS, SIDECAR, INTERLINK, PROXY)
"""In the order in which they are started; each is also the name of its command."""

CHANNEL = "job-channel"
"""Name of the socket where the sidecar takes connections of jobs, behind the proxy."""
CHANNEL_PATH = "/job-channel"

_METRICS_BASE = 9100


@dataclass(frozen=True)
class EdgeFolders:
    """Where one endpoint's services keep what."""

    endpoint: layout.Endpoint

    @property
    def configuration(self) -> PurePosixPath:
        return CONFIGURATION / self.endpoint.mode

    @property
    def run(self) -> PurePosixPath:
        """Sockets and the token: on the machine's tmpfs."""
        return PurePosixPath("/run/highrate") / self.endpoint.mode

    @property
    def data(self) -> PurePosixPath:
        return PurePosixPath("/var/lib/highrate") / self.endpoint.mode

    @property
    def token(self) -> PurePosixPath:
        return self.run / "token"

    def socket(self, service: str) -> str:
        return f"unix://{self.run}/{service}.sock"

    def file(self, service: str) -> PurePosixPath:
        return self.configuration / f"{service}.yaml"

    def metrics(self, service: str) -> str:
        """Ports 9100-9103 for the schedd's services, 9110-9113 for the compute element's; never reached from outside."""
        endpoint = list(layout.ENDPOINTS).index(self.endpoint.mode)
        return f"127.0.0.1:{_METRICS_BASE + 10 * endpoint + SERVICES.index(service)}"


def files(endpoint: layout.Endpoint, lets: Mapping[str, object] | None = None) -> dict[PurePosixPath, str]:
    """Every configuration file of the endpoint's services, by path; `lets`: further keys of the sidecar's."""
    folders = EdgeFolders(endpoint)
    settings = {
        TOKENS: _token_refresher(folders),
        SIDECAR: _sidecar(folders) | dict(lets or {}),
        INTERLINK: _interlink(folders),
        PROXY: _proxy(folders),
    }
    return {folders.file(service): yaml.safe_dump(content, sort_keys=False) for service, content in settings.items()}


def _token_refresher(folders: EdgeFolders) -> dict[str, object]:
    token = {
        "name": "condor",
        "file": str(folders.token),
        "grant": "client_credentials",
        "issuer": registry.ISSUER,
        "ca_file": str(CA),
        "client_id": registry.SIDECAR,
        "client_secret_file": str(CLIENT_SECRET),
        "audience": registry.SITE_AUDIENCE,
        "scope": "compute.read compute.create compute.modify compute.cancel",
    }
    return {"tokens": [token], "metrics": folders.metrics(TOKENS)}


def _sidecar(folders: EdgeFolders) -> dict[str, object]:
    endpoint = folders.endpoint
    return {
        "instance": endpoint.node_name,
        "listen": folders.socket(SIDECAR),
        "data": str(folders.data),
        "metrics": folders.metrics(SIDECAR),
        "endpoint": {
            "mode": endpoint.mode,
            "collector": endpoint.collector,
            "schedd": endpoint.schedd,
            "auth": {"token_file": str(folders.token), "ca_file": str(CA)},
        },
        "images": {"unpacked_roots": [UNPACKED]},
        "channel": {
            "url": f"wss://{CE_NAME}:{endpoint.edge_port}{CHANNEL_PATH}",
            "listen": folders.socket(CHANNEL),
            "authorities": str(CA),
        },
        # Everybody on a development machine waits for this.
        "poll": {"busy": 1, "live": 2, "idle": 10},
    }


def _interlink(folders: EdgeFolders) -> dict[str, object]:
    return {
        "InterlinkAddress": folders.socket(INTERLINK),
        "SidecarURL": folders.socket(SIDECAR),
        "MetricsAddress": folders.metrics(INTERLINK),
    }


def _proxy(folders: EdgeFolders) -> dict[str, object]:
    issuer = {
        "issuer": registry.ISSUER,
        "ca_file": str(CA),
        "audiences": [registry.EDGE_AUDIENCE],
        "allow": [{"groups": [registry.EDGE_GROUP]}],
    }
    return {
        "listen": f"https://0.0.0.0:{folders.endpoint.edge_port}",
        "tls": {"cert": str(CERTIFICATE), "key": str(KEY)},
        "upstream": folders.socket(INTERLINK),
        "issuers": [issuer],
        "job_channel": {"path": CHANNEL_PATH, "upstream": folders.socket(CHANNEL)},
        "metrics": folders.metrics(PROXY),
    }
