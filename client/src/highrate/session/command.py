"""The command `highrate session`."""

import argparse

from highrate.journal import say
from highrate.session.keeper import Keeper
from highrate.session.supervise import supervise
from highrate.tokens.settings import SettingsError, from_environment

PROGRAM = "jupyterhub-singleuser"
SUMMARY = "run a session; the entrypoint of images, after an init such as tini"
DESCRIPTION = f"""Runs CMD (default: {PROGRAM}) and, where the platform has a token service, keeps the access token
of the session fresh. Signals go on to CMD, and its exit code is the command's own (128 and the number of the signal that
ended it)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("command", metavar="CMD", nargs=argparse.REMAINDER, help="the program and its arguments")


def run(arguments: argparse.Namespace) -> int:
    words = arguments.command
    words = words[1:] if words[:1] == ["--"] else words
    return supervise(words or [PROGRAM], _keeper())


def _keeper() -> Keeper | None:
    try:
        return Keeper() if from_environment() is not None else None
    except SettingsError as problem:  # people can work without a token, and here they see why there is none
        say(f"There will be no access token: {problem}", warning=True)
        return None
