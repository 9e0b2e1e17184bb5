"""The command `relay`."""

from pathlib import Path

from service_runtime.command import service_command
from service_runtime.settings import load_settings

from relay.app import serve
from relay.model.settings import Settings

main = service_command(
    "relay",
    lambda path, _environ: load_settings(Settings, path),
    serve,
    default_config=Path("/etc/highrate/relay.yaml"),
    config_variable="RELAY_CONFIG",
)
