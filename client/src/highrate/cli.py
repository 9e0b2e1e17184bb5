"""The command `highrate`."""

import argparse
import sys
from collections.abc import Sequence

from highrate.doctor import command as doctor
from highrate.image_check import command as image_check
from highrate.session import command as session
from highrate.tokens import command as token


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    run = arguments.run
    return int(run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="highrate", description="The platform, seen from inside of a session.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    images = commands.add_parser("image", help="about images for sessions and workers")
    checks = images.add_subparsers(required=True, metavar="COMMAND")
    check = checks.add_parser("check", help="does an image keep the platform's contract, and if not, why not?")
    image_check.add_arguments(check)
    check.set_defaults(run=image_check.run)

    look = commands.add_parser("doctor", help=doctor.SUMMARY, description=doctor.DESCRIPTION)
    doctor.add_arguments(look)
    look.set_defaults(run=doctor.run)

    begin = commands.add_parser("session", help=session.SUMMARY, description=session.DESCRIPTION)
    session.add_arguments(begin)
    begin.set_defaults(run=session.run)

    show = commands.add_parser("token", help=token.SUMMARY, description=token.DESCRIPTION)
    token.add_arguments(show)
    show.set_defaults(run=token.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
