"""Publishes the compact record as a job attribute, over the connection that HTCondor's starter offers to jobs.

The protocol is Chirp's: a line with a command, words separated by blanks, answered by a line with a number, negative for an error
(HTCondor source, condor_chirp and the starter's I/O proxy). The starter writes where it listens to `.chirp.config`.
"""

import os
import socket
import threading
from typing import Optional

from .redial import pause

ATTRIBUTE = "ChirpIL"
DEADLINE = 20.0
FIRST_TRIES = 5


class ChirpError(Exception):
    """The starter refused or couldn't be reached."""


def set_job_attribute(config: str, name: str, text: str) -> None:
    """Set the string attribute `name` of this job to `text` (no quotes or backslashes in it).

    `config` is the text of `.chirp.config`: host, port, cookie. Raises ChirpError.
    """
    try:
        host, port, cookie = config.split()
        connection = socket.create_connection((host, int(port)), timeout=DEADLINE)
        with connection, connection.makefile("rwb") as stream:
            for line in ("cookie %s" % cookie, 'set_job_attr %s "%s"' % (name, text)):
                stream.write(line.encode("ascii") + b"\n")
                stream.flush()
                answer = int(stream.readline())
                if answer < 0:
                    raise ChirpError("%s was answered with %d" % (line.split()[0], answer))
    except (OSError, ValueError) as error:
        raise ChirpError(str(error)) from error


class Publisher(threading.Thread):
    """Sets the attribute to the newest text given; older ones that weren't sent yet are skipped.

    What fails is tried again, since the shadow may be away for a while; but if none of the first tries succeeds, the site has no
    Chirp, and it gives up.
    """

    def __init__(self, scratch: str) -> None:
        super().__init__(name="chirp", daemon=True)
        self._path = os.environ.get("_CONDOR_CHIRP_CONFIG") or os.path.join(scratch, ".chirp.config")
        self._changed = threading.Condition()
        self._newest: Optional[str] = None
        self._closing = False

    def publish(self, text: str) -> None:
        """Let `text` be sent."""
        with self._changed:
            self._newest = text
            self._changed.notify()

    def close(self) -> None:
        """Send what is left and end, soon."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self.is_alive():
            self.join(DEADLINE / 4)

    def run(self) -> None:
        """Send until told to end."""
        try:
            with open(self._path) as file:
                config = file.read()
        except OSError:
            return  # no I/O proxy for this job
        hopeful, failures = False, 0
        while True:
            with self._changed:
                while self._newest is None and not self._closing:
                    self._changed.wait()
                text, self._newest = self._newest, None
                last = self._closing
            if text is None:
                return
            try:
                set_job_attribute(config, ATTRIBUTE, text)
                hopeful, failures = True, 0
            except ChirpError:
                failures += 1
                if last or (failures >= FIRST_TRIES and not hopeful):
                    return
                self._wait_with(text, pause(failures))

    def _wait_with(self, text: str, seconds: float) -> None:
        """Keep what could not be sent for the next try, unless there is something newer; at the end, that comes at once."""
        with self._changed:
            if self._newest is None:
                self._newest = text
            self._changed.wait_for(lambda: self._closing, seconds)
