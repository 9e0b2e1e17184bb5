"""Where things of one checkout live, and the identity that keeps two checkouts apart.

Everything that changes while the platform runs is below ``<checkout>/.devcluster`` and can be thrown away. Everything that
took long to make is in the user's cache, shared by all checkouts, below names that contain a hash of what it was made from.
Names in kernel-wide spaces (network namespaces, interfaces, cgroups) carry the checkout's id.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CACHE_FOLDER = "highrate"
STATE_FOLDER = ".devcluster"


@dataclass(frozen=True)
class Checkout:
    """One work tree of the repository."""

    root: Path

    @property
    def id(self) -> str:
        """Six hex digits of the path: short enough for an interface name (15 characters)."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:6]

    @property
    def state(self) -> Path:
        return self.root / STATE_FOLDER

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def run(self) -> Path:
        """Small files of the running platform: leases, chosen addresses."""
        return self.state / "run"

    @property
    def machines(self) -> Path:
        return self.state / "machines"

    @property
    def volumes(self) -> Path:
        """Folders that a machine needs on the plain file system, since an overlay can't hold them."""
        return self.state / "volumes"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    def kernel_name(self, part: str) -> str:
        """A name for something the whole kernel sees: ``hr1a2b3c-hub``."""
        return f"hr{self.id}-{part}"


def find_checkout(start: Path | None = None) -> Checkout:
    """The checkout that holds ``start`` (default: the working directory), else the one this package was installed from."""
    origin = (start or Path.cwd()).resolve()
    for folder in (origin, *origin.parents, *Path(__file__).resolve().parents):
        if (folder / "devcluster" / "pyproject.toml").is_file():
            return Checkout(folder)
    raise FileNotFoundError(f"no checkout of the platform at or above {origin}")


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_CACHE_HOME/highrate``; the XDG specification says that a relative path counts as unset."""
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path(environ.get("HOME", "/root")) / ".cache"
    return base / CACHE_FOLDER


def content_key(*parts: str | bytes) -> str:
    """Twelve hex digits that name what was made from ``parts``; the parts' boundaries count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:12]
