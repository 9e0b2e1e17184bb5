"""The command `highrate image check`."""

import argparse
import sys

from highrate.image_check import contract
from highrate.image_check.rules import check
from highrate.image_check.sources import NotAnImage, open_image

KEPT, BROKEN, NOT_AN_IMAGE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "image",
        metavar="REF",
        help="an archive of `docker save` or `skopeo copy`, a folder with an OCI layout, or a folder with the image's files",
    )
    parser.add_argument(
        "--offload",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether workers at a site run it as well; without this, its label says it",
    )
    parser.add_argument(
        "--home",
        metavar="PATH",
        default=contract.HOME,
        help=f"where the platform mounts homes (home.mountPath of its values), {contract.HOME} unless its administrators say so",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every broken rule with its remedy. 0: the contract is kept, 1: it isn't, 2: no image."""
    try:
        image = open_image(arguments.image)
    except NotAnImage as problem:
        print(problem, file=sys.stderr)
        return NOT_AN_IMAGE
    findings = check(image, offload=arguments.offload, home=arguments.home)
    for finding in findings:
        print(f"- {finding.what}\n  {finding.remedy}")
    if image.configuration is None:
        print("Entrypoint and labels were not looked at: the folder doesn't hold the image's configuration.")
    print(f"{arguments.image}: " + (f"{len(findings)} broken rules" if findings else "the contract is kept"))
    return BROKEN if findings else KEPT
