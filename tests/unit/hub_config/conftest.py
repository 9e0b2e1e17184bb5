"""Real classes of JupyterHub, KubeSpawner and oauthenticator with real configuration; no Kubernetes and no database."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hub_config import configure
from traitlets.config import Config

VALUES: dict[str, Any] = {
    "catalogue": {
        "images": {
            "base": {"title": "JupyterLab", "description": "Python and a terminal", "image": "registry.test/lab:1"},
            "offload": {
                "title": "Analysis",
                "image": "registry.test/analysis:2",
                "offload": True,
                "default": True,
                "cvmfsPath": "/cvmfs/unpacked.test/analysis:2",
            },
            "secret": {"title": "For the detector", "image": "registry.test/det:3", "groups": ["icsc/detector"]},
        },
        "freeImage": {"enabled": True, "registries": ["registry.test", "ghcr.io/icsc"]},
    },
    "cvmfs": {"mode": "pvc", "claim": "cvmfs"},
    "tokens": {"url": "https://tokens:8443", "caConfigMap": "tokens-ca", "profile": "storage"},
}

IAM: dict[str, Any] = {
    "issuer": "https://iam.test/",
    "client_id": "hub",
    "client_secret": "not a secret",
    "allowed_groups": {"/icsc"},
    "admin_groups": {"/icsc/admins"},
}

KUBECONFIG = (
    '{"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],'
    ' "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],'
    ' "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:9"}}]}'
)


def values(**changes: Any) -> dict[str, Any]:
    """The values above, with other sections."""
    return {**copy.deepcopy(VALUES), **changes}


def z2jh() -> Config:
    """What z2jh 4.4 leaves in the configuration before ours runs, where it matters."""
    c = Config()
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    c.JupyterHub.authenticator_class = "iam"
    c.Spawner.consecutive_failure_limit = 5
    c.KubeSpawner.storage_pvc_ensure = False
    c.KubeSpawner.uid = 1000
    c.KubeSpawner.fs_gid = 100
    c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
    c.KubeSpawner.start_timeout = 300
    c.KubeSpawner.extra_labels = {"hub.jupyter.org/network-access-hub": "true"}
    c.KubeSpawner.volumes = {"files": {"name": "files", "secret": {"secretName": "singleuser"}}}
    c.KubeSpawner.volume_mounts = {"files": {"name": "files", "mountPath": "/etc/files"}}
    c.IAMAuthenticator.update(IAM)
    return c


def configured(**changes: Any) -> Config:
    c = z2jh()
    configure(c, values(**changes))
    return c


def authenticator(**traits: Any) -> Any:
    """An IAMAuthenticator of the values above, with other traits."""
    from hub_config.auth.iam import IAMAuthenticator

    c = configured()
    c.IAMAuthenticator.update(traits)
    return IAMAuthenticator(config=c)


@dataclass
class User:
    """As much of JupyterHub's user as authenticator and spawner touch."""

    name: str = "mario"
    groups: list[Any] = field(default_factory=list)
    admin: bool = False
    state: dict[str, Any] | None = None
    saved: int = 0
    id: int = 1
    url: str = "/user/mario/"
    created: datetime | None = None

    @property
    def encrypted_auth_state(self) -> bytes | None:
        return None if self.state is None else b"not to be read without the key"

    async def get_auth_state(self) -> dict[str, Any] | None:
        return copy.deepcopy(self.state)

    async def save_auth_state(self, state: dict[str, Any] | None) -> None:
        self.state, self.saved = copy.deepcopy(state), self.saved + 1


@pytest.fixture
def spawner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Makes a PlatformSpawner for somebody in `groups`; call it where an event loop runs."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    monkeypatch.setattr("kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
    from hub_config.spawn.spawner import PlatformSpawner

    def make(
        options: object = None,
        groups: Iterable[str] = (),
        name: str = "mario",
        server: str = "",
        config: Config | None = None,
        **changes: Any,
    ) -> Any:
        hub = SimpleNamespace(public_host="", url="http://hub/hub/", base_url="/hub/", api_url="http://hub/hub/api")
        made = PlatformSpawner(
            _mock=True,
            user=User(name, [SimpleNamespace(name=group) for group in groups], url=f"/user/{name}/"),
            hub=hub,
            config=config if config is not None else configured(**changes),
            api_token="token of the server",
            oauth_client_id="client",
            orm_spawner=SimpleNamespace(name=server, server=None),
        )
        made.user_options = {} if options is None else options
        return made

    return make
