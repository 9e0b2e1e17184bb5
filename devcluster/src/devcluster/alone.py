"""One command at a time changes the platform of a checkout; two would undo each other's work."""

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock

from devcluster.leash import leash
from devcluster.paths import Checkout


class Busy(Exception):
    """Another command is at work; the message says so."""


@contextmanager
def alone(checkout: Checkout) -> Iterator[None]:
    """Around every command that changes something. What a killed one left running is ended first. Raises Busy."""
    checkout.logs.mkdir(parents=True, exist_ok=True)
    with (checkout.logs / "lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise Busy("another devcluster command is at work in this checkout") from None
        with leash(checkout.id):
            yield
