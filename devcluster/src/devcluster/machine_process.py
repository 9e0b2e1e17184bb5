"""Ending a process that isn't our child, without ever hitting another one that got its number."""

import contextlib
import os
import select
import signal


def end_process(pid: int, patience: float) -> None:
    """Ask it to end, wait ``patience`` seconds, then insist; returns when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            if not _gone(descriptor, patience):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                _gone(descriptor, patience)
        finally:
            os.close(descriptor)


def _gone(descriptor: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
