"""The command `token-refresher`."""

from pathlib import Path

from service_runtime.command import service_command
from service_runtime.settings import load_settings

from token_refresher.app import serve
from token_refresher.model.settings import Settings

main = service_command(
    "token-refresher",
    lambda path, _environ: load_settings(Settings, path),
    serve,
    default_config=Path("/etc/highrate/token-refresher.yaml"),
    config_variable="TOKEN_REFRESHER_CONFIG",
)
