"""Which images in the shared cache other checkouts still need, so that none is removed under a platform that runs.

Each checkout keeps one note in the cache: where it is, and what it uses. It counts as long as the checkout has machines.
"""

import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from devcluster.images.reference import Image
from devcluster.paths import Checkout

KEEP_SECONDS = 2 * 24 * 3600.0
KEEP_NEWEST = 3


def note_use(cache: Path, checkout: Checkout, images: Iterable[Image]) -> None:
    """From now on the checkout uses these images, and no others."""
    folder = _notes(cache)
    folder.mkdir(parents=True, exist_ok=True)
    used = list(images)
    for image in used:
        if image.archive.is_file():
            os.utime(image.archive)
    place = folder / f"{checkout.id}.json"
    draft = place.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"root": str(checkout.root), "archives": [image.archive.name for image in used]}))
    draft.replace(place)


def forget_old(cache: Path, name: str) -> None:
    """Remove versions of an image that nobody needs: of no running platform, not the newest, not used for two days."""
    archives = sorted((cache / "images").glob(f"{name}-*.tar"), key=lambda place: place.stat().st_mtime, reverse=True)
    needed = _in_use(cache)
    for archive in archives[KEEP_NEWEST:]:
        if archive.name not in needed and archive.stat().st_mtime < time.time() - KEEP_SECONDS:
            shutil.rmtree(archive.with_suffix(""), ignore_errors=True)
            archive.unlink()


def _in_use(cache: Path) -> set[str]:
    found: set[str] = set()
    for place in _notes(cache).glob("*.json"):
        note = json.loads(place.read_text())
        if any(Checkout(Path(note["root"])).machines.glob("*")):
            found.update(note["archives"])
    return found


def _notes(cache: Path) -> Path:
    return cache / "images-in-use"  # not beside them: machines see that folder
