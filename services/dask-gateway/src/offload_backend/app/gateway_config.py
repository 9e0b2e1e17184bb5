"""dask-gateway's configuration, made of ours: the one place where its names are spelled."""

from pathlib import Path

from dask_gateway_server.backends.db_base import _normalize_encrypt_key
from service_runtime.settings import Problem, SettingsError
from traitlets.config import Config

from offload_backend.app.authentication import HubAuthenticator
from offload_backend.app.backend import OffloadBackend
from offload_backend.app.cluster_config import OffloadClusterConfig
from offload_backend.app.database import complete, fit_postgresql
from offload_backend.io.tickets import KeyUnusable, read_key
from offload_backend.model.settings import Settings
from offload_backend.model.values import seconds

PARALLELISM = 20


def gateway_config(settings: Settings) -> Config:
    """Reads the files that the settings name. Raises SettingsError with all that is wrong with them."""
    keys, address, token = _files(settings)
    fit_postgresql()
    timing, proxy = settings.timing, settings.proxy
    config = Config()
    config.DaskGateway.address = settings.listen
    config.DaskGateway.backend_class = OffloadBackend
    config.DaskGateway.authenticator_class = HubAuthenticator
    config.HubAuthenticator.hub_url = settings.hub.url
    config.HubAuthenticator.cache_max_age = settings.hub.remember
    config.OffloadBackend.settings = settings
    config.OffloadBackend.cluster_config_class = OffloadClusterConfig
    config.OffloadBackend.api_url = settings.api_url
    config.OffloadBackend.db_url = address
    config.OffloadBackend.db_encrypt_keys = keys
    config.OffloadBackend.db_cluster_max_age = float(seconds(settings.database.keep))
    config.OffloadBackend.stop_clusters_on_shutdown = False
    config.OffloadBackend.cluster_start_timeout = float(seconds(timing.cluster_start))
    config.OffloadBackend.worker_start_timeout = float(seconds(timing.worker_start))
    config.OffloadBackend.worker_start_failure_limit = timing.worker_failures
    config.OffloadBackend.cluster_heartbeat_period = timing.heartbeat
    config.OffloadBackend.cluster_heartbeat_timeout = float(seconds(timing.heartbeat_missed))
    config.OffloadBackend.parallelism = PARALLELISM
    config.Proxy.address = proxy.address
    config.Proxy.prefix = proxy.prefix
    config.Proxy.externally_managed = proxy.external
    if token:
        config.Proxy.api_token = token
    if proxy.gateway_url is not None:
        config.Proxy.gateway_url = proxy.gateway_url
    return config


def proxy_config(settings: Settings) -> Config:
    """For the proxy alone, whose pod has none of the gateway's secrets. Raises SettingsError."""
    problems: list[Problem] = []
    proxy, config = settings.proxy, Config()
    if proxy.token_file is None or proxy.gateway_url is None:
        raise SettingsError(
            "the configuration", [Problem("proxy", "a proxy of its own needs token_file and gateway_url")]
        )
    token = _read("proxy.token_file", proxy.token_file, problems).strip()
    if problems:
        raise SettingsError("the configuration", problems)
    config.DaskGateway.address = settings.listen
    config.Proxy.address = proxy.address
    config.Proxy.api_token = token
    config.Proxy.gateway_url = proxy.gateway_url
    return config


def _files(settings: Settings) -> tuple[list[str], str, str]:
    """The database's keys and address, and the proxy's token."""
    problems: list[Problem] = []
    database = settings.database
    keys = _read("database.key_file", database.key_file, problems).split()
    for number, key in enumerate(keys, 1):
        try:
            _normalize_encrypt_key(key)
        except ValueError:
            problems.append(Problem("database.key_file", f"key {number} is not 32 bytes in base64"))
    address = database.url or ""
    if database.url_file is not None:
        address = _read("database.url_file", database.url_file, problems).strip()
    try:
        address = complete(address) if address else ""  # that it is missing was told
    except ValueError as error:
        problems.append(Problem("database.url_file" if database.url_file else "database.url", str(error)))
    token = ""
    if settings.proxy.token_file is not None:
        token = _read("proxy.token_file", settings.proxy.token_file, problems).strip()
    _read("hub.token_file", settings.hub.token_file, problems)
    if settings.relay is not None:
        try:
            read_key(settings.relay.signing_key_file)
        except KeyUnusable as error:
            problems.append(Problem("relay.signing_key_file", str(error)))
        if settings.relay.ca_file is not None:
            _read("relay.ca_file", settings.relay.ca_file, problems)
    if problems:
        raise SettingsError("the configuration", problems)
    return keys, address, token


def _read(key: str, file: Path, problems: list[Problem]) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(key, f"{file} can't be read: {getattr(error, 'strerror', None) or 'it is no text'}"))
        return ""
    if not text.strip():
        problems.append(Problem(key, f"{file} is empty"))
    return text
