"""The command `oauth2-proxy`."""

from pathlib import Path

from service_runtime.command import service_command
from service_runtime.settings import load_settings

from oauth2_proxy.app import serve
from oauth2_proxy.model.settings import Settings

main = service_command(
    "oauth2-proxy",
    lambda path, _environ: load_settings(Settings, path),
    serve,
    default_config=Path("/etc/highrate/oauth2-proxy.yaml"),
    config_variable="OAUTH2_PROXY_CONFIG",
)
