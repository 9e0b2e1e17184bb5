"""Whether an address of the platform answers, looked at all the time: how long was it away at most?"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from devcluster.addresses import HUB_NAME
from devcluster.hub_address import PORT
from devcluster.site.access import Site

PERIOD_SECONDS = 0.2
PATIENCE_SECONDS = 2.0


@dataclass
class Watch:
    """``longest`` is in seconds; a time that still goes on counts. ``wrong`` are the statuses other than 200."""

    site: Site
    path: str
    longest: float = 0.0
    wrong: list[int] = field(default_factory=list)

    def answers(self) -> bool:
        """200 from whatever the path leads to; the proxy leads to the hub what has no route, which redirects."""
        return self._status() == 200

    def _status(self) -> int | None:
        """None if nothing answers in time."""
        context = ssl.create_default_context(cafile=self.site.ca_file)
        connection = http.client.HTTPConnection(f"{HUB_NAME}:{PORT}", timeout=PATIENCE_SECONDS)
        try:
            raw = socket.create_connection((str(self.site.network.plan.hub), PORT), timeout=PATIENCE_SECONDS)
            connection.sock = context.wrap_socket(raw, server_hostname=HUB_NAME)
            connection.request("GET", self.path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def look(self, stop: threading.Event) -> None:
        answered = time.monotonic()
        while not stop.wait(PERIOD_SECONDS):
            begin = time.monotonic()
            status = self._status()
            if status == 200:
                self.longest = max(self.longest, begin - answered)
                answered = time.monotonic()
                continue
            self.longest = max(self.longest, time.monotonic() - answered)
            if status is not None:
                self.wrong.append(status)


@contextmanager
def watching(site: Site, *paths: str) -> Iterator[list[Watch]]:
    """Look at the paths until the end of the block."""
    watches = [Watch(site, path) for path in paths]
    stop = threading.Event()
    threads = [threading.Thread(target=watch.look, args=(stop,)) for watch in watches]
    for thread in threads:
        thread.start()
    try:
        yield watches
    finally:
        stop.set()
        for thread in threads:
            thread.join(4 * PATIENCE_SECONDS)
