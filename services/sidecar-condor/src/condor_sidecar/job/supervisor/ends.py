"""Our ends of the standard streams of a command or a container: pipes, or the master of a terminal."""

import fcntl
import os
import select
import struct
import termios
import threading
from typing import Callable, Optional

LOOK = 0.5  # seconds between two looks whether it was closed meanwhile


class Input:
    """Written and closed by any threads; it owns its descriptor, which the last one that uses it closes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._writers, self._closed = 0, False
        os.set_blocking(descriptor, False)

    def write(self, data: bytes, wanted: Callable[[], bool] = lambda: True) -> None:
        """Write all of it, and wait while nobody reads, as long as it is `wanted`; what nobody can read any more is dropped."""
        with self._lock:
            if self._closed:
                return
            self._writers += 1
        broken = False
        try:
            while data and not self._closed and wanted():
                _, ready, _ = select.select([], [self._descriptor], [], LOOK)
                data = data[self._write_some(data) :] if ready else data
        except OSError:  # its reader is gone
            broken = True
        finally:
            with self._lock:
                self._writers -= 1
                self._closed = self._closed or broken
                self._close_unused()

    def _write_some(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0

    def resize(self, width: int, height: int) -> None:
        """Of a terminal: its size in characters, which its foreground processes are told."""
        size = struct.pack("HHHH", _bounded(height), _bounded(width), 0, 0)
        with self._lock:
            if not self._closed:
                fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, size)

    def close(self) -> None:
        """No more will be written. Doesn't wait; may come more than once."""
        with self._lock:
            self._closed = True
            self._close_unused()

    def _close_unused(self) -> None:
        """With the lock: give the descriptor up once nobody uses it; its number is then another's."""
        if self._closed and not self._writers and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _bounded(number: int) -> int:
    return max(0, min(number, 0xFFFF))


def read(descriptor: int, most: int) -> Optional[bytes]:
    """What there is to read of an output; nothing at its end, None if there is nothing now."""
    try:
        return os.read(descriptor, most)
    except BlockingIOError:
        return None
    except OSError:  # what the master of a terminal says at its end (EIO)
        return b""
