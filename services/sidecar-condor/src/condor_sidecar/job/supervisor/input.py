"""Where the standard input of a command or a container goes: a pipe, or the master of a terminal."""

import fcntl
import os
import select
import struct
import termios
import threading

LOOK = 0.5  # seconds between two looks whether it was closed meanwhile


class Input:
    """Written by one thread, closed by any; it owns its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._writing = self._closed = False
        os.set_blocking(descriptor, False)

    def write(self, data: bytes) -> None:
        """Write all of it, and wait while nobody reads; what can be read by nobody any more is dropped."""
        with self._lock:
            if self._closed:
                return
            self._writing = True
        try:
            while data and not self._closed:
                _, ready, _ = select.select([], [self._descriptor], [], LOOK)
                data = data[self._write_some(data) :] if ready else data
        except OSError:  # its reader is gone
            self._closed = True
        finally:
            with self._lock:
                self._writing = False
                if self._closed:
                    os.close(self._descriptor)

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
            closed, self._closed = self._closed, True
            if not closed and not self._writing:
                os.close(self._descriptor)


def _bounded(number: int) -> int:
    return max(0, min(number, 0xFFFF))
