"""Building images with buildah inside of a machine on the host's network, where no Docker is.

The host's certificates and package indexes are mounted for the time of a build: nothing of them is in the image. Layers are
kept in the cache, so that a changed source rebuilds only what comes after it.
"""

import os
import resource
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

from devcluster import rootfs
from devcluster.build_environment import BUNDLE, certificate_binds, passed_on, pip_configuration
from devcluster.images import unpacked
from devcluster.images.in_use import forget_old, note_use
from devcluster.images.recipe import CONTAINERFILE, Recipe
from devcluster.images.reference import REPOSITORY
from devcluster.images.unpacked import ENVIRONMENT, WORK
from devcluster.machine import Bind, Machine, running
from devcluster.paths import Checkout
from devcluster.steps import StepLog


def ensure(recipes: Sequence[Recipe], checkout: Checkout, cache: Path, log: StepLog) -> None:
    """Build what the cache doesn't hold: archives and unpacked trees. Raises CommandFailed."""
    note_use(cache, checkout, [recipe.image for recipe in recipes])
    missing = [recipe for recipe in recipes if not _complete(recipe)]
    if not missing:
        return
    base = rootfs.ensure(rootfs.BASE, cache, log.path)
    machine_tree = rootfs.ensure(rootfs.MACHINE, cache, log.path)
    with _one_builder(cache), _work_folder(checkout) as work:
        (work / "pip.conf").write_text(pip_configuration())
        (cache / "images").mkdir(exist_ok=True)
        binds = (
            Bind(cache / "buildah", "/var/lib/containers"),
            Bind(cache / "images", "/images"),
            Bind(base, "/base", read_only=True),
            Bind(work, WORK),
            *certificate_binds(),
        )
        with running(Machine(checkout, "builder", machine_tree, "builder", binds=binds)) as machine:
            base_reference = _import_base(machine, log)
            for recipe in missing:
                _build(machine, recipe, base_reference, work, log)
                _take_out(machine, recipe, work, log)
                forget_old(cache, recipe.image.name)


def _complete(recipe: Recipe) -> bool:
    return recipe.image.archive.is_file() and (not recipe.runs_at_sites or unpacked.complete(recipe.image))


def _in_store(machine: Machine, reference: str) -> bool:
    return machine.run(["buildah", "inspect", "--type=image", reference], env=ENVIRONMENT, check=False).returncode == 0


def _import_base(machine: Machine, log: StepLog) -> str:
    reference = f"{REPOSITORY}/base:{rootfs.BASE.key}"
    if _in_store(machine, reference):
        return reference
    log.note("base")
    script = f"""\
set -e
cd {WORK} && mkdir -p base && tar -C /base --one-file-system -cf base/base.tar .
printf 'FROM scratch\\nADD base.tar /\\nCMD ["/bin/bash"]\\n' > base/Containerfile
buildah build --isolation=chroot -t {reference} base
rm -r base
"""
    machine.run_logged(["sh", "-c", script], log.path, env=ENVIRONMENT)
    return reference


def _build(machine: Machine, recipe: Recipe, debian: str, work: Path, log: StepLog) -> None:
    """Into buildah's store, after what it is built on."""
    image, parent = recipe.image, recipe.parent
    base = parent.image.reference if parent else debian
    if parent is not None and not _in_store(machine, base):
        _build(machine, parent, debian, work, log)
    log.note(image.name)
    recipe.prepare_context(work / image.name, log)
    argv = ["buildah", "build", "--isolation=chroot", "--network=host", "--pull=never", "--layers", *_limits()]
    if certificate_binds():
        argv.append(f"--volume={BUNDLE}:{BUNDLE}:ro")
    argv += [f"--volume={WORK}/pip.conf:/etc/pip.conf:ro", f"--build-arg=BASE={base}", f"--tag={image.reference}"]
    argv += [f"--file={WORK}/{image.name}/{CONTAINERFILE}", f"{WORK}/{image.name}"]
    machine.run_logged(argv, log.path, env={**ENVIRONMENT, **passed_on()})


def _take_out(machine: Machine, recipe: Recipe, work: Path, log: StepLog) -> None:
    """The forms that others use: an archive for the cluster, a tree for sites."""
    image = recipe.image
    partial = f"{image.name}-{image.tag}.{os.getpid()}"
    place = image.archive.parent
    push = ["buildah", "push", image.reference, f"docker-archive:/images/{partial}.tar:{image.reference}"]
    machine.run_logged(push, log.path, env=ENVIRONMENT)
    (place / f"{partial}.tar").replace(image.archive)
    if recipe.runs_at_sites and not unpacked.complete(image):
        unpacked.unpack(machine, image, work, f"/images/{partial}.tree", log)
        (place / f"{partial}.tree").rename(image.tree)


def _limits() -> list[str]:
    """Without CAP_SYS_RESOURCE a container's limits can't be raised over ours, and buildah's defaults are higher."""
    options = []
    for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        hard = resource.getrlimit(number)[1]
        options.append(f"--ulimit={name}={hard}:{hard}")
    return options


@contextmanager
def _one_builder(cache: Path) -> Iterator[None]:
    """Checkouts share the layer store."""
    (cache / "buildah").mkdir(parents=True, exist_ok=True)
    with (cache / "buildah.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


@contextmanager
def _work_folder(checkout: Checkout) -> Iterator[Path]:
    work = checkout.run / "image-build"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
