"""Lines for the session's log, in the form of the lines that JupyterLab writes there."""

import sys
from contextlib import suppress
from datetime import UTC, datetime


def say(text: str, *, warning: bool = False) -> None:
    level = "W" if warning else "I"
    with suppress(OSError):  # nobody may be reading any more, which is no reason to end
        print(f"[{level} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} highrate] {text}", file=sys.stderr, flush=True)
