"""Images as directories below /cvmfs, the way the unpacked repositories of CERN and INFN show them: at the site and on the node.

Here /cvmfs is a plain folder.
"""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from devcluster.images.reference import UNPACKED, Image
from devcluster.machine import Bind, Machine

FLAT = f"{UNPACKED}/.flat"
"""Where the trees themselves lie, as in CERN's unpacked repository; the images' names are links into it."""


def bind(cache: Path) -> Bind:
    """What a machine needs for it."""
    return Bind(cache / "images", FLAT, read_only=True)


def publish(machine: Machine, images: Iterable[Image], also: Mapping[str, Image] | None = None) -> None:
    """Give every image its two names: short, and by its whole reference. What was there before goes.

    ``also`` are images under names of somebody else, such as a registry's.
    """
    machine.run(["sh", "-ec", link_script(UNPACKED, images, also)])


def link_script(folder: str, images: Iterable[Image], also: Mapping[str, Image] | None = None) -> str:
    """A shell script that makes ``folder`` hold links into its .flat for just these images; all else in it stays."""
    lines = [f"cd {shlex.quote(folder)}", "find . -path ./.flat -prune -o -type l -lname '*.flat/*' -exec rm {} +"]
    named = [(name, image) for image in images for name in (f"{image.name}:{image.tag}", image.reference)]
    for name, image in [*named, *(also or {}).items()]:
        parent = name.rpartition("/")[0] or "."
        target = "../" * name.count("/") + f".flat/{image.tree.name}"
        # No `ln -f`: through a link to a directory it would write into the directory.
        lines += [f"mkdir -p {shlex.quote(parent)}", f"ln -s {shlex.quote(target)} {shlex.quote(name)}"]
    return "\n".join(lines)
