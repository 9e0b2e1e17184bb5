"""The provider's program with its npm packages and Node.js itself, in the cache.

The Python environment that Node.js comes with may be made anew while the provider runs, by another command than started it.
"""

import shutil
from fcntl import LOCK_EX, flock
from pathlib import Path

from devcluster import node_packages
from devcluster.paths import content_key
from devcluster.steps import StepLog

SOURCES = Path(__file__).with_name("program")
NODE = "bin/node"
"""In the program's folder."""


def installed(cache: Path) -> Path:
    """Where the program lies once `ensure` has been there; the name says what it was made of."""
    parts: list[str | bytes] = [node_packages.node_version()]
    for source in sorted(SOURCES.iterdir()):
        parts += [source.name, source.read_bytes()]
    return cache / "programs" / f"iam-{content_key(*parts)}"


def ensure(cache: Path, log: StepLog) -> Path:
    """The program's folder, installed if it isn't there (seconds). Raises CommandFailed."""
    place = installed(cache)
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(place.name + ".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not place.is_dir():
            _install(place, log)
    return place


def _install(place: Path, log: StepLog) -> None:
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(SOURCES, partial)
    node_packages.install(partial, log)
    (partial / NODE).parent.mkdir()
    shutil.copy(node_packages.node_root() / NODE, partial / NODE)
    partial.rename(place)
