"""The workspace's own packages as wheels, and the locked versions of what they need: input of our images."""

import os
import shutil
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from devcluster.locked_requirements import select
from devcluster.paths import Checkout, content_key
from devcluster.steps import StepLog

LOCK = "requirements.lock"
_IGNORED = frozenset(("__pycache__", ".venv", "dist", "build"))


def find_uv() -> str:
    """The uv of the environment that runs us, else the one on PATH. Raises FileNotFoundError."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        raise FileNotFoundError("uv is neither in this Python environment nor on PATH: run `make environment`")
    return found


def service_folders(checkout: Checkout) -> list[Path]:
    """The workspace's packages that run as services or are needed by them."""
    manifests = [*checkout.root.glob("libs/*/pyproject.toml"), *checkout.root.glob("services/*/pyproject.toml")]
    return sorted(manifest.parent for manifest in manifests)


def lock_key(checkout: Checkout) -> str:
    """A hash of the locked versions."""
    return content_key((checkout.root / LOCK).read_bytes())


def sources_key(checkout: Checkout, folders: Sequence[Path]) -> str:
    """A hash of all sources of the packages in ``folders``."""
    parts: list[str | bytes] = []
    for folder in folders:
        for place in sorted(folder.rglob("*")):
            inside = place.relative_to(checkout.root)
            if place.is_file() and not _ignored(inside):
                parts += [str(inside), place.read_bytes()]
    return content_key(*parts)


def service_requirements(checkout: Checkout) -> str:
    """The lock's entries that the services need, for `pip install --require-hashes`."""
    projects = [
        tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in service_folders(checkout)
    ]
    names = [project["name"] for project in projects]
    roots = [need for project in projects for need in project.get("dependencies", [])]
    return select((checkout.root / LOCK).read_text(), roots, names)


def build_wheels(checkout: Checkout, folders: Sequence[Path], target: Path, log: StepLog) -> None:
    """Wheels of the packages in ``folders`` into ``target``, built with what the lock names."""
    target.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "UV_BUILD_CONSTRAINT": str(checkout.root / LOCK)}
    for folder in folders:
        log.note(folder.name)
        log.run([find_uv(), "build", "--quiet", "--wheel", "--out-dir", target, folder], env=env)
    (target / ".gitignore").unlink(missing_ok=True)


def _ignored(place: Path) -> bool:
    return bool(_IGNORED.intersection(place.parts)) or any(part.endswith(".egg-info") for part in place.parts)
