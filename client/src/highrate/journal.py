"""Lines for the session's log, in the form of the lines that JupyterLab writes there."""

import sys
from datetime import UTC, datetime


def say(text: str, *, warning: bool = False) -> None:
    level = "W" if warning else "I"
    print(f"[{level} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} highrate] {text}", file=sys.stderr, flush=True)
