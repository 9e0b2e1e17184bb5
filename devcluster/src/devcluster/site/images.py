"""Images as directories below /cvmfs, the way the unpacked repositories of CERN and INFN show them."""

import shlex

from devcluster.images.reference import Image
from devcluster.machine import Machine
from devcluster.site import layout


def publish(machine: Machine, images: list[Image]) -> None:
    """Give every image its two names: short, and by its whole reference. What was there before goes."""
    lines = [f"cd {layout.UNPACKED}", "find . -mindepth 1 -path ./.flat -prune -o -type l -exec rm {} +"]
    for image in images:
        for name in (f"{image.name}:{image.tag}", image.reference):
            up = "../" * name.count("/")
            lines += [
                f"mkdir -p {shlex.quote(name.rpartition('/')[0] or '.')}",
                f"ln -sfn {shlex.quote(f'{up}.flat/{image.tree.name}')} {shlex.quote(name)}",
            ]
    machine.run(["sh", "-ec", "\n".join(lines)])
