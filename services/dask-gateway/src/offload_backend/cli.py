"""The command `offload-gateway`: dask-gateway's server, or its proxy, configured by our file."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from dask_gateway_server.app import DaskGateway
from dask_gateway_server.proxy.core import Proxy
from service_runtime.logs import LEVELS, configure_logs
from service_runtime.settings import SettingsError, load_settings

from offload_backend.app.gateway_config import gateway_config, proxy_config
from offload_backend.model.settings import Settings

app = typer.Typer(name="offload-gateway", add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    part: Annotated[Literal["server", "proxy"], typer.Argument(help="What to run.")] = "server",
    config: Annotated[
        Path, typer.Option("--config", envvar="OFFLOAD_GATEWAY_CONFIG", help="The configuration, a YAML file.")
    ] = Path("/etc/highrate/offload-gateway.yaml"),
    check: Annotated[bool, typer.Option("--check", help="Read the configuration, report, and end.")] = False,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the gateway's server, or the proxy in front of it."""
    if log_level not in LEVELS:
        raise typer.BadParameter(f'"{log_level}" is none of {", ".join(LEVELS)}', param_hint="--log-level")
    try:
        settings = load_settings(Settings, config)
        made = None if check else proxy_config(settings) if part == "proxy" else gateway_config(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    if made is None:
        print(f"{config} is fine")
        return
    gateway = DaskGateway.instance(config=made, log_level=LEVELS[log_level])
    if part == "proxy":
        _become_proxy(gateway)
    gateway.initialize(["--config", os.devnull])
    configure_logs("offload-gateway", log_level)
    # traitlets lets everything through its logger and sorts at a handler of its own, which isn't JSON
    gateway.log.handlers[:] = []
    gateway.log.setLevel(LEVELS[log_level])
    gateway.log.propagate = True
    if log_level != "debug":
        gateway.log.addFilter(_is_worth_a_line)
    gateway.start()


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Not each heartbeat of each cluster, nor each call that was answered, clients' first ones without a token among them."""
    heartbeat = str(record.msg).startswith("Cluster %s heartbeat [")
    answered = record.msg == "%d %s %s %.3fms" and record.levelno < logging.ERROR
    return not heartbeat and not answered


def _become_proxy(gateway: DaskGateway) -> None:
    """The bundled program in the place of this process, as `dask-gateway-server proxy` does."""
    proxy = Proxy(parent=gateway, gateway_address=gateway.address)
    program, *arguments = proxy.get_start_command(is_child_process=False)
    os.execve(program, ["dask-gateway-proxy", *arguments], proxy.get_start_env())  # noqa: S606


def main() -> None:
    app(prog_name="offload-gateway")
