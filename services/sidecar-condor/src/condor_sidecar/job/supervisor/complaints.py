"""What the supervisor says about itself, on its standard error, which HTCondor brings back. Nothing depends on that being heard."""

import sys
import traceback


def complain(words: str) -> None:
    """Say it; on a full disk nothing can be said."""
    try:
        sys.stderr.write(words.rstrip("\n") + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def trace() -> None:
    """Say where the exception came from that is being handled."""
    complain(traceback.format_exc())
