"""The command line that all services share: `SERVICE --config FILE [--check] [--log-level LEVEL]`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from service_runtime.logs import LEVELS
from service_runtime.run import run_service
from service_runtime.settings import Section, SettingsError

SectionT = TypeVar("SectionT", bound=Section)


def service_command(
    name: str,
    load: Callable[[Path, Mapping[str, str]], SectionT],
    serve: Callable[[SectionT, asyncio.Event], Awaitable[None]],
    default_config: Path,
    config_variable: str,
) -> Callable[[], None]:
    """A `main()` that reads the settings with `load(path, environ)` and runs `serve(settings, stop)`.

    `--check` only reads the settings. A configuration that can't be used ends with exit code 2 and all its problems.
    """

    def command(
        config: Annotated[
            Path, typer.Option("--config", envvar=config_variable, help="The configuration, a YAML file.")
        ] = default_config,
        check: Annotated[bool, typer.Option("--check", help="Read the configuration, report, and end.")] = False,
        log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
    ) -> None:
        if log_level not in LEVELS:
            raise typer.BadParameter(f'"{log_level}" is none of {", ".join(LEVELS)}', param_hint="--log-level")
        try:
            settings = load(config, os.environ)
        except SettingsError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(2) from error
        if check:
            print(f"{config} is fine")
            return
        run_service(name, lambda stop: serve(settings, stop), log_level)

    command.__doc__ = f"Run {name}."

    def main() -> None:
        app = typer.Typer(name=name, add_completion=False, pretty_exceptions_enable=False)
        app.command()(command)
        app(prog_name=name)

    return main
