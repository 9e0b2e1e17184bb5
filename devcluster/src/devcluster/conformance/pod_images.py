"""The images of the suite's pods, made here: no registry is asked, and both kinds of node run the same trees.

They are laid out as upstream's are, as far as the tests look (devcluster/conformance/images says how), and stand under
upstream's names: in containerd of the ordinary node, and unpacked at the site.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from devcluster import rootfs
from devcluster.conformance import programs
from devcluster.images import buildah, cvmfs
from devcluster.images.additions import AddToContext
from devcluster.images.recipe import RECIPE, Recipe, folder_key
from devcluster.images.reference import Image
from devcluster.kubernetes import cluster
from devcluster.machine import Machine
from devcluster.paths import content_key
from devcluster.platform import Platform
from devcluster.steps import StepLog

PAUSE = "highrate-pause"
E2E = "registry.k8s.io/e2e-test-images"


@dataclass(frozen=True)
class Source:
    """What one image is made of: its folder, the image below it (else Debian), a program that is added, and its names."""

    name: str
    references: tuple[str, ...]
    program: str = ""
    parent: str = ""


SOURCES = (
    Source("busybox", (f"{E2E}/busybox:1.36.1-1", f"{E2E}/busybox:1.37.0-1")),
    Source("agnhost", (f"{E2E}/agnhost:2.56",), programs.AGNHOST),
    Source("nginx", (f"{E2E}/nginx:1.14-4",)),
    Source("nonewprivs", (f"{E2E}/nonewprivs:1.3",), programs.NO_NEW_PRIVILEGES, "busybox"),
    Source("nonroot", (f"{E2E}/nonroot:1.4",), parent="busybox"),
    Source("pause", ("registry.k8s.io/pause:3.10.1",), PAUSE),
)
"""Parents first. The names are those of `e2e.test --list-images` that tests of a node use."""


def recipes(platform: Platform, suite: Path) -> dict[str, Recipe]:
    """How each image is built; ``suite`` is the folder of the suite's programs."""
    pause = platform.go_programs["pause"].path(platform.cache)
    made: dict[str, Recipe] = {}
    for source in SOURCES:
        folder = platform.checkout.root / "devcluster" / "conformance" / "images" / source.name
        parent = made.get(source.parent)
        below = parent.image.tag if parent else rootfs.BASE.key
        programs_folder = pause if source.program == PAUSE else suite
        # a program's folder is named by what it was compiled from
        compiled_from = programs_folder.name if source.program else ""
        image = Image(
            f"e2e-{source.name}", content_key(RECIPE, below, folder_key(folder), compiled_from), platform.cache
        )
        add = _adding(programs_folder / source.program) if source.program else None
        made[source.name] = Recipe(image, folder, add, parent)
    return made


def provide(platform: Platform, suite: Path, site: Machine, log: StepLog) -> dict[str, str]:
    """Build the images and give them to node and site under their names; returns their keys. Raises CommandFailed."""
    made = recipes(platform, suite)
    buildah.ensure([*platform.recipes.values(), *made.values()], platform.checkout, platform.cache, log)
    cluster.import_images(platform.node, [recipe.image for recipe in made.values()], log)
    for source in SOURCES:
        for reference in source.references:
            tag = [
                "ctr",
                "--namespace=k8s.io",
                "images",
                "tag",
                "--force",
                made[source.name].image.reference,
                reference,
            ]
            platform.node.run(tag)
    ours = [recipe.image for recipe in platform.recipes.values() if recipe.runs_at_sites]
    cvmfs.publish(site, ours, {name: made[source.name].image for source in SOURCES for name in source.references})
    return {name: recipe.image.tag for name, recipe in made.items()}


def _adding(program: Path) -> AddToContext:
    def add(target: Path, _: StepLog) -> None:
        shutil.copy(program, target / program.name)

    return add
