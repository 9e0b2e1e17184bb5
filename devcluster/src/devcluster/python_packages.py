"""The workspace's own packages as wheels, and the locked versions of everything else: what the services image is made of."""

import re
import shutil
import sys
from pathlib import Path

from devcluster.paths import Checkout, content_key
from devcluster.steps import StepLog

LOCK = "requirements.lock"
_NEVER_SERVES = frozenset(("devcluster",))
_IGNORED = frozenset(("__pycache__", ".venv", "dist"))


def find_uv() -> str:
    """The uv of the environment that runs us, else the one on PATH. Raises FileNotFoundError."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        raise FileNotFoundError("uv is neither in this Python environment nor on PATH: run `make environment`")
    return found


def service_folders(checkout: Checkout) -> list[Path]:
    """The workspace's packages that run as services or are needed by them."""
    manifests = sorted([*checkout.root.glob("libs/*/pyproject.toml"), *checkout.root.glob("services/*/pyproject.toml")])
    return [manifest.parent for manifest in manifests if manifest.parent.name not in _NEVER_SERVES]


def sources_key(checkout: Checkout) -> str:
    """A hash of all sources of the services and of the locked versions."""
    parts: list[str | bytes] = [(checkout.root / LOCK).read_bytes()]
    for folder in service_folders(checkout):
        for place in sorted(folder.rglob("*")):
            inside = place.relative_to(checkout.root)
            if place.is_file() and not _IGNORED.intersection(inside.parts) and not _is_egg_info(inside):
                parts += [str(inside), place.read_bytes()]
    return content_key(*parts)


def build_wheels(checkout: Checkout, target: Path, log: StepLog) -> None:
    """Wheels of all services into ``target/wheels``, their dependencies' versions and hashes into requirements.txt."""
    wheels = target / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    for folder in service_folders(checkout):
        log.note(folder.name)
        log.run([find_uv(), "build", "--quiet", "--wheel", "--out-dir", wheels, folder])
    (wheels / ".gitignore").unlink(missing_ok=True)
    shutil.copyfile(checkout.root / LOCK, target / "requirements.txt")


def needed_names(wheel_metadata: str) -> list[str]:
    """Names in the Requires-Dist lines of a wheel's METADATA, extras left out."""
    lines = [
        line for line in wheel_metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    return [re.split(r"[\\s;<>=!~\\[(]", line.split(":", 1)[1].strip(), maxsplit=1)[0] for line in lines]


def _is_egg_info(place: Path) -> bool:
    return any(part.endswith(".egg-info") for part in place.parts)
