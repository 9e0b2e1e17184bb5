"""Building images with Docker, where its daemon answers. The base comes from a registry then, as the Containerfiles say."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from devcluster.images.recipe import CONTAINERFILE, Recipe
from devcluster.images.reference import Image
from devcluster.paths import Checkout
from devcluster.steps import StepLog


def build_command(image: Image, context: Path) -> list[str]:
    return ["docker", "build", f"--file={context / CONTAINERFILE}", f"--tag={image.reference}", str(context)]


def save_command(image: Image, archive: Path) -> list[str]:
    return ["docker", "save", f"--output={archive}", image.reference]


def ensure(recipes: Sequence[Recipe], checkout: Checkout, log: StepLog) -> None:
    """Archives of all images; Docker's own layer cache makes a second build quick. Raises CommandFailed."""
    checkout.run.mkdir(parents=True, exist_ok=True)
    for recipe in recipes:
        image = recipe.image
        if image.archive.is_file():
            continue
        log.note(image.name)
        with tempfile.TemporaryDirectory(dir=checkout.run) as scratch:
            context = Path(scratch) / image.name
            recipe.prepare_context(context, log)
            log.run(build_command(image, context))
            log.run(save_command(image, Path(scratch) / "image.tar"))
            image.archive.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(scratch) / "image.tar", image.archive)
