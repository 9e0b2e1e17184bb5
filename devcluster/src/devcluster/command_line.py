"""What both command lines share: nothing else changes the platform meanwhile, and every end is a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console

from devcluster.alone import Busy, alone
from devcluster.commands import CommandFailed
from devcluster.kubernetes.cluster import NotReady
from devcluster.paths import Checkout
from devcluster.steps import StepFailed

INTERRUPTED = 130  # what a shell gives a program that SIGINT ended


@contextmanager
def changing(checkout: Checkout, console: Console) -> Iterator[None]:
    """Around a command that changes something. Raises typer.Exit for what went wrong and for Ctrl-C, after saying so."""
    try:
        with alone(checkout):
            yield
    except (Busy, CommandFailed, NotReady, StepFailed) as problem:
        fail(console, str(problem))
    except KeyboardInterrupt:
        console.print("[yellow]interrupted[/]; the same command goes on where this one stopped")
        raise typer.Exit(INTERRUPTED) from None


def fail(console: Console, message: str) -> NoReturn:
    """Say what is wrong and end with 1."""
    console.print("[red]error:[/] ", end="")
    console.print(message, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
