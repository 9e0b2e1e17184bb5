"""What the builder adds to an image's folder: wheels of our own packages, a cut of the lock file, npm packages."""

from collections.abc import Callable, Sequence
from pathlib import Path

from devcluster import node_packages, python_packages
from devcluster.paths import Checkout, content_key
from devcluster.steps import StepLog

AddToContext = Callable[[Path, StepLog], None]

_OWN_PACKAGES = {
    "hub": ("hub-config", "libs/image-reference"),
    "jupyterlab": ("client",),
    "jupyterlab-offload": ("client",),
}


def additions(checkout: Checkout, name: str) -> tuple[str, AddToContext | None]:
    """A hash of what comes in addition, and how it comes. What the image's own folder says is in its hash already."""
    if name == "services":
        return _services(checkout)
    if name in _OWN_PACKAGES:
        return _own_packages(checkout, [checkout.root / folder for folder in _OWN_PACKAGES[name]])
    if (checkout.root / "images" / name / "package-lock.json").is_file():
        return "", node_packages.install
    return "", None


def _services(checkout: Checkout) -> tuple[str, AddToContext]:
    folders = python_packages.service_folders(checkout)

    def add(target: Path, log: StepLog) -> None:
        (target / "requirements.txt").write_text(python_packages.service_requirements(checkout))
        python_packages.build_wheels(checkout, folders, target / "wheels", log)

    return content_key(python_packages.lock_key(checkout), python_packages.sources_key(checkout, folders)), add


def _own_packages(checkout: Checkout, folders: Sequence[Path]) -> tuple[str, AddToContext]:
    def add(target: Path, log: StepLog) -> None:
        python_packages.build_wheels(checkout, folders, target / "wheels", log)

    return python_packages.sources_key(checkout, folders), add
