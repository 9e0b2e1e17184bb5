"""Brings states and logs out of the job: the result file, the framed standard output, the job attribute."""

import contextlib
import io
import os
import sys
import tarfile
import threading
import time
from typing import BinaryIO, Dict, List, Optional, Set

from .channel import Channel
from .chirp import Publisher
from .complaints import complain
from .logs import LogFile, stamp
from .sandbox import RESULT, Sandbox
from .state import PodState

STATE_FILE = "state.json"
QUEUE_LIMIT = 4 * 1024 * 1024
RECORDS_LIMIT = 8 * 1024 * 1024  # bytes of records; a pod whose states flap for days sends no more
CLOSING = 10.0  # seconds
CUT = b"[the log goes on; what follows here comes when the pod ends]"


class Stream(threading.Thread):
    """The supervisor's own standard output, which HTCondor streams back: `S <record>`, `L <container> <CRI line>`,
    and `R <container>` when it is started again.

    It never holds up a container. A log stops in the stream when `limit` bytes of log are out, because they fill the submit
    machine's disk, or when so much waits to be taken that the other end must be away; states go on, but
    once there were many, only what changes the phase of the pod.
    """

    def __init__(self, output: BinaryIO, limit: int) -> None:
        super().__init__(name="stream", daemon=True)
        self._output, self._limit = output, limit
        self._used = self._recorded = 0
        self._phase = ""
        self._cut: Set[str] = set()
        self._changed = threading.Condition()
        self._queue: List[bytes] = []
        self._queued = 0
        self._closing = False

    def record(self, record: bytes, phase: str) -> None:
        """The pod's record."""
        with self._changed:
            self._recorded += len(record)
            if self._recorded <= RECORDS_LIMIT or phase != self._phase:
                self._put(b"S " + record + b"\n")
            self._phase = phase

    def restarted(self, name: str) -> None:
        """A container is started again: the lines that follow are of another log."""
        with self._changed:
            self._put(b"R " + name.encode("ascii") + b"\n")

    def line(self, name: str, line: bytes) -> None:
        """One line of a container's log, with its newline."""
        with self._changed:
            if name in self._cut:
                return
            if self._used + len(line) > self._limit or self._queued > QUEUE_LIMIT:
                self._cut.add(name)
                line = stamp(time.time()).encode("ascii") + b" stderr F " + CUT + b"\n"
            self._used += len(line)
            self._put(b"L " + name.encode("ascii") + b" " + line)

    def _put(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued += len(data)
        self._changed.notify()

    def run(self) -> None:
        """Write what comes until closed."""
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                data, self._queue, self._queued = b"".join(self._queue), [], 0
            if not data:
                return
            try:
                self._output.write(data)
                self._output.flush()
            except OSError:
                return  # nobody listens any more; the result file has it all

    def close(self) -> None:
        """Write what is left, soon."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self.join(CLOSING)


class Reporter:
    """Publishes the pod's record every way there is."""

    def __init__(self, sandbox: Sandbox, state: PodState, streamed: int) -> None:
        self._sandbox, self._state = sandbox, state
        self.stream = Stream(sys.stdout.buffer, streamed)
        self.channel: Optional[Channel] = None
        self._publisher = Publisher(sandbox.scratch)
        self._published = b""
        self._publisher.start()
        self.stream.start()

    def publish(self) -> bool:
        """Publish the state, if it changed; whether it did."""
        if self._state.record() == self._published:
            return False
        self._state.revision += 1
        self._published = self._state.record()
        self.stream.record(self._published, self._state.phase)
        if self.channel is not None:
            self.channel.publish(self._published)
        self._publisher.publish(self._state.compact())
        return True

    def save(self, logs: Dict[str, LogFile], previous: Dict[str, LogFile]) -> Optional[OSError]:
        """Write the result file, in one go: the state, and the given logs, of the latest runs and of the runs before those.

        Where that fails, which the answer tells, it is the state alone; where that fails, too, the file stays as it was.
        """
        problem = self._try_to_write(logs, previous)
        if problem is not None:
            complain("the result can't be saved: %s" % problem)
            self._try_to_write({}, {})
        return problem

    def _try_to_write(self, logs: Dict[str, LogFile], previous: Dict[str, LogFile]) -> Optional[OSError]:
        fresh = os.path.join(self._sandbox.root, RESULT)
        try:
            with open(fresh, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
                _add(archive, STATE_FILE, self._state.record())
                for name, log in logs.items():
                    _add(archive, "logs/%s.log" % name, log.content())
                for name, log in previous.items():
                    _add(archive, "logs/%s.previous.log" % name, log.content())
            os.replace(fresh, os.path.join(self._sandbox.scratch, RESULT))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(fresh)
            return error
        return None

    def close(self) -> None:
        """Send what is left."""
        self._publisher.close()
        self.stream.close()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
    archive.addfile(member, io.BytesIO(content))
