"""Command line of the API server."""

from service_runtime.command import service_command

from interlink.server.app import serve
from interlink.server.settings import CONFIG_VARIABLE, DEFAULT_CONFIG, load_server_settings

main = service_command("interlink-server", load_server_settings, serve, DEFAULT_CONFIG, CONFIG_VARIABLE)
