"""What an image is made of, and the tag that follows from it.

A tag is a hash of everything that goes in: the image's folder, what the builder adds to the context, and the base. So an
equal tag means an equal image, a changed source gets a new tag, and a chart's values name exactly what runs.
"""

import re
import shutil
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path

from devcluster import rootfs
from devcluster.images.additions import AddToContext, additions
from devcluster.images.reference import REPOSITORY, Image
from devcluster.paths import Checkout, content_key
from devcluster.steps import StepLog

RECIPE = "2"  # count up when the builder makes something else of the same inputs
CONTAINERFILE = "Containerfile"

ONLY_BUILT_ON = frozenset(("jupyterlab-base",))
"""Images that nothing runs: they exist for those that are built on them."""
SESSIONS = frozenset(("jupyterlab", "jupyterlab-offload"))
"""Images that users choose: large, and nothing of the platform itself waits for them."""
ONLY_IN_THE_CLUSTER = frozenset(("hub", "proxy", "jupyterlab"))
"""Images of which no job is made: sites need no unpacked copy."""

_PARENT = re.compile(rf"^ARG BASE={re.escape(REPOSITORY)}/([a-z0-9-]+):local$", re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """One image to build: the result's name, its folder, what to add to a copy of the folder, and what it is built on.

    Without ``parent``, that is Debian.
    """

    image: Image
    folder: Path
    add: AddToContext | None = None
    parent: "Recipe | None" = None

    @property
    def runs_at_sites(self) -> bool:
        return self.image.name not in ONLY_IN_THE_CLUSTER

    def prepare_context(self, target: Path, log: StepLog) -> None:
        shutil.copytree(self.folder, target)
        if self.add is not None:
            self.add(target, log)


def recipes(checkout: Checkout, cache: Path) -> dict[str, Recipe]:
    """All images of the checkout that something runs, by name."""

    @once
    def recipe(name: str) -> Recipe:
        folder = checkout.root / "images" / name
        found = _PARENT.search((folder / CONTAINERFILE).read_text())
        parent = recipe(found[1]) if found else None
        base = parent.image.tag if parent else rootfs.BASE.key
        extra, add = additions(checkout, name)
        tag = content_key(RECIPE, base, folder_key(folder), extra)
        return Recipe(Image(name, tag, cache), folder, add, parent)

    names = [place.parent.name for place in sorted((checkout.root / "images").glob(f"*/{CONTAINERFILE}"))]
    return {name: recipe(name) for name in names if name not in ONLY_BUILT_ON}


def folder_key(folder: Path) -> str:
    """A hash of names, contents and execute permissions below the folder."""
    parts: list[str | bytes] = []
    for place in sorted(folder.rglob("*")):
        if place.is_file():
            executable = "x" if place.stat().st_mode & 0o100 else "-"
            parts += [str(place.relative_to(folder)), executable, place.read_bytes()]
    return content_key(*parts)
