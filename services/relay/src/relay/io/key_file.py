"""The keys that sign tickets, read again when their file changes."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from joserfc.jwk import Key
from service_runtime.logs import get_logger

from relay.core.keys import UnusableKeys, public_keys

LOOK_SECONDS = 5.0

log = get_logger(__name__)


class KeyFile:
    """Keeps what was good last: a file that is being replaced, or was replaced by a mistake, ends nobody's tickets."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._stamp = self._look()
        self._keys: Sequence[Key] = ()
        self.generation = 0
        """Changes with the keys."""
        self._read()

    @property
    def problem(self) -> str | None:
        """Why there are no keys; None if there are."""
        return None if self._keys else f"keys_file: {self._path} has no usable key; the log says why"

    def keys(self) -> Sequence[Key]:
        if self._clock() - self._looked >= LOOK_SECONDS:
            self._looked = self._clock()
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._read()
        return self._keys

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> None:
        try:
            self._keys = public_keys(self._path.read_bytes())
        except OSError as error:
            log.error("keys.unreadable", file=str(self._path), reason=error.strerror)
        except UnusableKeys as error:
            log.error("keys.unusable", file=str(self._path), reason=str(error))
        else:
            self.generation += 1
            log.info("keys.read", file=str(self._path), keys=len(self._keys))
