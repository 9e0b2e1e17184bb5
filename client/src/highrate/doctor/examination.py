"""All checks at once, each with a deadline: a file system or a service that hangs is a finding, and holds up no other."""

import threading
import time
from collections.abc import Callable, Mapping

from highrate.doctor.finding import Finding, bad

DEADLINE = 15.0
"""Seconds for all of them together, since they run side by side."""

Check = Callable[[], Finding]


def examine(checks: Mapping[str, Check], deadline: float = DEADLINE) -> dict[str, Finding]:
    """The findings by the checks' names, in their order. Never raises what a check raised."""
    found: dict[str, Finding] = {}

    def look(name: str, check: Check) -> None:
        try:
            found[name] = check()
        except Exception as problem:  # noqa: BLE001 - the outermost boundary of a check
            found[name] = bad(
                f"the check itself failed: {type(problem).__name__}: {problem}",
                "Send this line to your administrators.",
            )

    # Daemons: a thread that waits for a file system that never answers can't be ended, and must not hold up the exit.
    threads = {name: threading.Thread(target=look, args=item, daemon=True) for name, item in _named(checks)}
    end = time.monotonic() + deadline
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, end - time.monotonic()))
    late = bad(f"no answer within {deadline:g} s", "Try again; if it stays, send this line to your administrators.")
    return {name: found.get(name, late) for name in checks}


def _named(checks: Mapping[str, Check]) -> list[tuple[str, tuple[str, Check]]]:
    return [(name, (name, check)) for name, check in checks.items()]
