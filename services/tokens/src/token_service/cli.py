"""The command `token-service`."""

from pathlib import Path

from service_runtime.command import service_command
from service_runtime.settings import load_settings

from token_service.app import serve
from token_service.model.settings import Settings

main = service_command(
    "token-service",
    lambda path, _environ: load_settings(Settings, path),
    serve,
    default_config=Path("/etc/highrate/token-service.yaml"),
    config_variable="TOKEN_SERVICE_CONFIG",
)
