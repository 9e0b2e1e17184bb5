"""Building images with Docker, where its daemon answers. The base comes from a registry then, as the Containerfiles say."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from devcluster.images.recipe import CONTAINERFILE, Recipe
from devcluster.images.reference import Image
from devcluster.paths import Checkout
from devcluster.steps import StepLog


def build_command(image: Image, context: Path, parent: Image | None = None) -> list[str]:
    base = [f"--build-arg=BASE={parent.reference}"] if parent else []
    return ["docker", "build", f"--file={context / CONTAINERFILE}", *base, f"--tag={image.reference}", str(context)]


def save_command(image: Image, archive: Path) -> list[str]:
    return ["docker", "save", f"--output={archive}", image.reference]


def ensure(recipes: Sequence[Recipe], checkout: Checkout, log: StepLog) -> None:
    """Archives of all images; Docker's own layer cache makes a second build quick. Raises CommandFailed."""
    checkout.run.mkdir(parents=True, exist_ok=True)
    for recipe in recipes:
        image = recipe.image
        if image.archive.is_file():
            continue
        with tempfile.TemporaryDirectory(dir=checkout.run) as scratch:
            _build(recipe, Path(scratch), log)
            log.run(save_command(image, Path(scratch) / "image.tar"))
            image.archive.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(scratch) / "image.tar", image.archive)


def _build(recipe: Recipe, scratch: Path, log: StepLog) -> None:
    if recipe.parent is not None:
        _build(recipe.parent, scratch, log)
    log.note(recipe.image.name)
    context = scratch / recipe.image.name
    recipe.prepare_context(context, log)
    log.run(build_command(recipe.image, context, recipe.parent.image if recipe.parent else None))
