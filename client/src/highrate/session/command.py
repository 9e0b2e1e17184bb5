"""The command `highrate session`."""

import argparse
import os
from collections.abc import Mapping

from highrate.journal import say
from highrate.session import examples
from highrate.session.keeper import Keeper
from highrate.session.supervise import supervise
from highrate.tokens.settings import SettingsError, from_environment

PROGRAM = "jupyterhub-singleuser"
_LINK = "DASK_DISTRIBUTED__DASHBOARD__LINK"
SUMMARY = "run a session; the entrypoint of images, after an init such as tini"
DESCRIPTION = f"""Runs CMD (default: {PROGRAM}) and, where the platform has a token service, keeps the access token
of the session fresh. Signals go on to CMD, and its exit code is the command's own (128 and the number of the signal that
ended it)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("command", metavar="CMD", nargs=argparse.REMAINDER, help="the program and its arguments")


def run(arguments: argparse.Namespace) -> int:
    words = arguments.command
    words = words[1:] if words[:1] == ["--"] else words
    examples.offer(os.environ)
    os.environ.update(_for_dask(os.environ))
    return supervise(words or [PROGRAM], _keeper())


def _for_dask(environ: Mapping[str, str]) -> dict[str, str]:
    """Where a browser finds the dashboard of a cluster inside of the session.

    Not in Dask's configuration of the image: its scheduler fails where a variable of the template isn't set, as in a pod.
    """
    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if not prefix or _LINK in environ:
        return {}
    return {_LINK: f"{prefix.rstrip('/')}/proxy/{{port}}/status"}


def _keeper() -> Keeper | None:
    try:
        return Keeper() if from_environment() is not None else None
    except SettingsError as problem:  # people can work without a token, and here they see why there is none
        say(f"There will be no access token: {problem}", warning=True)
        return None
