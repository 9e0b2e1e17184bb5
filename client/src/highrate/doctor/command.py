"""The command `highrate doctor`."""

import argparse
import os
import sys
import textwrap
from collections.abc import Mapping

from highrate.doctor import credentials, packages, services, storage
from highrate.doctor.examination import DEADLINE, Check, examine
from highrate.doctor.finding import Finding, State

SUMMARY = "look at everything that a session needs from the platform, and say what to do where it is missing"
DESCRIPTION = """Looks at the session's token, the Dask gateway and the relay, versions, disks and CVMFS. Nothing is changed, and no
secret is shown: the output can be sent to your administrators. Exit codes: 0 nothing is wrong (there may be doubts), 1 something
is."""
_SIGNS = {State.GOOD: "ok", State.ABSENT: "-", State.DOUBTFUL: "?", State.BAD: "WRONG"}
_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--deadline",
        type=float,
        default=DEADLINE,
        metavar="SECONDS",
        help="for all checks together (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    found = examine(checks(os.environ), arguments.deadline)
    print(table(found))
    sys.stdout.flush()
    return 1 if any(finding.state is State.BAD for finding in found.values()) else 0


def checks(environ: Mapping[str, str]) -> dict[str, Check]:
    """In the order in which people read them: what others depend on comes first."""
    return {
        "image": lambda: packages.image(environ),
        "highrate": packages.highrate,
        "versions": packages.versions,
        "home packages": packages.home_packages,
        "token": lambda: credentials.token(environ),
        "proxy": lambda: credentials.proxy(environ),
        "gateway": lambda: services.gateway(environ),
        "schedulers": lambda: services.schedulers(environ),
        "relay": lambda: services.relay(environ),
        "home": lambda: storage.home(environ),
        "scratch": storage.scratch,
        "cvmfs": lambda: storage.cvmfs(environ),
    }


def table(found: Mapping[str, Finding]) -> str:
    """One line for each check, and below it what to do."""
    wide = max(map(len, found), default=0)
    lines = []
    for name, finding in found.items():
        start, indent = f"{_SIGNS[finding.state]:<5}  {name:<{wide}}  ", " " * (9 + wide)
        lines += textwrap.wrap(finding.sentence, _WIDTH, initial_indent=start, subsequent_indent=indent)
        if finding.advice:
            lines += textwrap.wrap(
                finding.advice, _WIDTH, initial_indent=f"{indent}> ", subsequent_indent=f"{indent}  "
            )
    wrong = sum(finding.state is State.BAD for finding in found.values())
    doubts = sum(finding.state is State.DOUBTFUL for finding in found.values())
    return "\n".join([*lines, f"{wrong} wrong, {doubts} in doubt"])
