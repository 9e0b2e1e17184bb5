"""Images as directories below /cvmfs, the way the unpacked repositories of CERN and INFN show them."""

import shlex
from collections.abc import Iterable

from devcluster.images.reference import Image
from devcluster.machine import Machine
from devcluster.site import layout


def publish(machine: Machine, images: Iterable[Image]) -> None:
    """Give every image its two names: short, and by its whole reference. What was there before goes."""
    machine.run(["sh", "-ec", link_script(layout.UNPACKED, images)])


def link_script(folder: str, images: Iterable[Image]) -> str:
    """A shell script that makes ``folder`` hold links into its .flat for just these images; all else in it stays."""
    lines = [f"cd {shlex.quote(folder)}", "find . -path ./.flat -prune -o -type l -lname '*.flat/*' -exec rm {} +"]
    for image in images:
        for name in (f"{image.name}:{image.tag}", image.reference):
            parent = name.rpartition("/")[0] or "."
            target = "../" * name.count("/") + f".flat/{image.tree.name}"
            # No `ln -f`: through a link to a directory it would write into the directory.
            lines += [f"mkdir -p {shlex.quote(parent)}", f"ln -s {shlex.quote(target)} {shlex.quote(name)}"]
    return "\n".join(lines)
