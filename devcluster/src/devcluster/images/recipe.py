"""What an image is made of, and the tag that follows from it.

A tag is a hash of everything that goes in: the image's folder, what the builder adds to the context, and the base. So an
equal tag means an equal image, a changed source gets a new tag, and a chart's values name exactly what runs.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devcluster import python_packages, rootfs
from devcluster.images.reference import Image
from devcluster.paths import Checkout, content_key
from devcluster.steps import StepLog

RECIPE = "2"  # count up when the builder makes something else of the same inputs
CONTAINERFILE = "Containerfile"

AddToContext = Callable[[Path, StepLog], None]


@dataclass(frozen=True)
class Recipe:
    """One image to build: the result's name, its folder, and what to add to a copy of the folder."""

    image: Image
    folder: Path
    add: AddToContext | None = None

    def prepare_context(self, target: Path, log: StepLog) -> None:
        shutil.copytree(self.folder, target)
        if self.add is not None:
            self.add(target, log)


def recipes(checkout: Checkout, cache: Path) -> dict[str, Recipe]:
    """All images of the checkout by name."""
    found: dict[str, Recipe] = {}
    for containerfile in sorted((checkout.root / "images").glob(f"*/{CONTAINERFILE}")):
        folder = containerfile.parent
        extra, add = _additions(checkout, folder.name)
        tag = content_key(RECIPE, rootfs.BASE.key, folder_key(folder), extra)
        found[folder.name] = Recipe(Image(folder.name, tag, cache), folder, add)
    return found


def folder_key(folder: Path) -> str:
    """A hash of names, contents and execute permissions below the folder."""
    parts: list[str | bytes] = []
    for place in sorted(folder.rglob("*")):
        if place.is_file():
            executable = "x" if place.stat().st_mode & 0o100 else "-"
            parts += [str(place.relative_to(folder)), executable, place.read_bytes()]
    return content_key(*parts)


def _additions(checkout: Checkout, name: str) -> tuple[str, AddToContext | None]:
    if name != "services":
        return "", None

    def add(target: Path, log: StepLog) -> None:
        (target / "requirements.txt").write_text(python_packages.service_requirements(checkout))
        python_packages.build_wheels(checkout, target / "wheels", log)

    return python_packages.sources_key(checkout), add
