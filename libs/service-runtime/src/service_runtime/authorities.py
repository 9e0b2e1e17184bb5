"""Which servers to trust: those that the system's authorities vouch for, and those of a file of one's own.

Reading the system's takes some hundredths of a second, too much for each call and for an event loop.
"""

import asyncio
import ssl
from pathlib import Path

from service_runtime.tls import client_ssl_context


class Authorities:
    """The system's authorities and those of `ca_file`; read off the loop, at first use and when they have changed."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self._ca_file = ca_file
        self._reading = asyncio.Lock()
        self._read: tuple[tuple[int, ...], ssl.SSLContext] | None = None

    async def context(self) -> ssl.SSLContext:
        """For a client's calls. Raises OSError (ssl.SSLError is one) if `ca_file` can't be read or holds no certificate."""
        async with self._reading:
            # before they are read: what changes meanwhile is seen at the next call
            stamp = self._stamp()
            if self._read is None or self._read[0] != stamp:
                self._read = stamp, await asyncio.to_thread(client_ssl_context, self._ca_file)
            return self._read[1]

    def _stamp(self) -> tuple[int, ...]:
        """What shows that a file changed."""
        system = ssl.get_default_verify_paths()
        files = [self._ca_file, *(Path(path) for path in (system.cafile, system.capath) if path is not None)]
        stats = [file.stat() for file in files if file is not None]
        return tuple(value for each in stats for value in (each.st_mtime_ns, each.st_ino, each.st_size))
