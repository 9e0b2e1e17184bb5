"""Lines for the session's log, in the form of the lines that JupyterLab writes there."""

import os
from contextlib import suppress
from datetime import UTC, datetime

_LOG = 2  # standard error


def say(text: str, *, warning: bool = False) -> None:
    """Written past Python's buffer: what can't be written would be tried again at the end, and change the exit code to 120."""
    level = "W" if warning else "I"
    line = f"[{level} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} highrate] {text}\n"
    with suppress(OSError):  # nobody may be reading any more, which is no reason to end
        os.write(_LOG, line.encode(errors="backslashreplace"))
