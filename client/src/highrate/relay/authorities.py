"""Which authorities vouch for the relay: those of the system, and those of a file."""

import ssl
import threading
from pathlib import Path

_lock = threading.Lock()
_made: dict[tuple[str | None, tuple[int, ...]], ssl.SSLContext] = {}


def context(ca_file: str | None) -> ssl.SSLContext:
    """For connections to the relay; made again when `ca_file` was replaced. Raises OSError or ssl.SSLError.

    Reading the system's authorities takes as long as a whole connection, so a context is kept.
    """
    stamp: tuple[int, ...] = ()
    if ca_file is not None:
        found = Path(ca_file).stat()
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
    with _lock:
        made = _made.get((ca_file, stamp))
        if made is None:
            made = ssl.create_default_context()
            made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 refuses authorities that all others accept
            made.minimum_version = ssl.TLSVersion.TLSv1_2
            if ca_file is not None:
                made.load_verify_locations(ca_file)
            _made.clear()
            _made[ca_file, stamp] = made
        return made
