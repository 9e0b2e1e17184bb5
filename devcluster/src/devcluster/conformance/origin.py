"""Which code a run is of: a commit, and whether the work tree differs from it.

What lies in docs counts for nothing here: the run itself writes there, and none of it runs.
"""

import subprocess

from devcluster.commands import CommandFailed, run
from devcluster.paths import Checkout

UNKNOWN = "unknown"
CHANGED = " with changes"
_SECONDS = 60
_WHERE = ("--", ".", ":!docs")


def look(checkout: Checkout) -> str:
    """The commit in twelve hex digits, CHANGED after it where the work tree has other sources; UNKNOWN without a repository."""
    git = ("git", "-C", str(checkout.root))
    try:
        commit = run([*git, "rev-parse", "--short=12", "HEAD"], timeout=_SECONDS).stdout.strip()
        changes = run([*git, "status", "--porcelain", *_WHERE], timeout=_SECONDS).stdout.strip()
    except (CommandFailed, subprocess.TimeoutExpired):
        return UNKNOWN
    return commit + (CHANGED if changes else "")
