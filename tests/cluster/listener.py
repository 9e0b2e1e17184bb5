"""A listener inside the site: a job can tell a test something after its pod is gone, and from outside nobody may reach it."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import CompletedProcess

from devcluster.site.access import Site

# one connection after the other: what comes after a long one waits for its end
_LISTEN = """
import os, socket, sys
name, seconds = sys.argv[1], float(sys.argv[2])
server = socket.create_server(("0.0.0.0", 0))
server.settimeout(seconds)
with open(name + ".draft", "w") as file:
    file.write(str(server.getsockname()[1]))
os.rename(name + ".draft", name)
while True:
    connection, _ = server.accept()
    connection.settimeout(seconds)
    text = connection.makefile().read()
    if text == "end":
        break
    print(text, end="")
os.unlink(name)
"""
_SAY = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as connection:
    connection.sendall(sys.argv[3].encode())
"""


@dataclass
class Listener:
    """Listens on all of the site's addresses."""

    site: Site
    port: int
    running: Future[CompletedProcess[str]]

    def tell(self, text: str) -> None:
        """Say something to it from inside the site."""
        self.site.run(["python3", "-c", _SAY, "127.0.0.1", str(self.port), text])

    def heard(self) -> str:
        """All that was said to it; it waits for whoever is connected, and ends."""
        if not self.running.done():
            self.tell("end")
        return self.running.result().stdout


@contextlib.contextmanager
def listening(site: Site, seconds: float = 120) -> Iterator[Listener]:
    """A listener that waits for `seconds` at most, for a connection and for each word on it."""
    name = f"/tmp/listener-{uuid.uuid4().hex[:8]}"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(site.run, ["python3", "-c", _LISTEN, name, str(seconds)], timeout=4 * seconds)
        file, end = site.machine.path(name), time.monotonic() + 30
        while not file.exists():
            assert not running.done(), running.result()
            assert time.monotonic() < end, "the listener does not begin"
            time.sleep(0.1)
        listener = Listener(site, int(file.read_text()), running)
        try:
            yield listener
        finally:
            listener.heard()
