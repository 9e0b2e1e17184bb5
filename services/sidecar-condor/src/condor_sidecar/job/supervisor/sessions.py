"""Commands in containers as streams of the job channel: `kubectl exec`.

A command has pipes, or a terminal of its own. It ends with its process and with what that had written; who leaves before ends it:
SIGHUP, as from a terminal that is closed, and SIGKILL for what stays.
"""

import array
import os
import select
import signal
import socket
import subprocess
import threading
import time
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from . import processes
from .channel_protocol import PIECE, STDERR, STDOUT
from .channel_streams import CannotOpen, Gone, OnEnd, Opener, Send, Session
from .ends import Input, read
from .enter import CannotEnter
from .inside import Further, Inside, NotBegun, further
from .launcher import UnknownMachine

LOOK = 0.5  # seconds between two looks whether it is still wanted
BEGINS = 30.0  # seconds that a container which is being made is waited for
DRAIN = 3.0  # seconds of silence after the end of a command whose outputs somebody else keeps open
PATIENCE = 2.0  # seconds between SIGHUP and SIGKILL

Find = Callable[[str], Optional[Inside]]
"""The running container of this name."""
End = Tuple[Optional[int], str, str]
"""As OnEnd takes it."""


def opener(find: Find, runner: processes.Processes, environment: Mapping[str, str]) -> Opener:
    """What opens `exec` streams. `environment` is that of the program which enters the container; the command never sees it."""

    def open_exec(message: Dict[str, Any], send: Send, on_end: OnEnd) -> Session:
        name, argv = str(message.get("container")), [str(word) for word in message.get("command") or []]
        if not argv:
            raise CannotOpen("NoCommand", "no command was given")
        inside = find(name)
        if inside is None:
            raise CannotOpen("ContainerNotRunning", "container %s is not running" % name)
        session = Exec(lambda: further(inside, argv), send, on_end)
        session.start(message, runner, environment)
        return session

    return open_exec


class Exec(Session):
    """One command from its start to its end."""

    def __init__(self, make: Callable[[], Further], send: Send, on_end: OnEnd) -> None:
        self._make, self._send, self._on_end = make, send, on_end
        self._closed, self._exited = threading.Event(), threading.Event()
        self._ready = threading.Event()  # the input is there, or never will be
        self._input: Optional[Input] = None
        self._terminal: Optional[socket.socket] = None  # brings the terminal's master
        self._size: Optional[Tuple[int, int]] = None
        self._outputs: Dict[int, int] = {}
        self._pid, self._status = 0, 0

    def start(self, message: Dict[str, Any], runner: processes.Processes, environment: Mapping[str, str]) -> None:
        """Start it as an `exec` message asks, as soon as the container has begun."""
        threading.Thread(target=self._live, args=(message, runner, environment), name="exec", daemon=True).start()

    def _live(self, message: Dict[str, Any], runner: processes.Processes, environment: Mapping[str, str]) -> None:
        end: End = (None, "SessionBroken", "the command's session broke: its job's output says how")
        try:
            end = self._lived(message, runner, environment)
        finally:  # whatever happens: a caller waits for it
            self._ready.set()
            self._on_end(*end)

    def _lived(self, message: Dict[str, Any], runner: processes.Processes, environment: Mapping[str, str]) -> End:
        """The command from its start to its end, which is what this gives."""
        try:
            program = self._made()
            self._start(program, message, runner, environment)
        except (CannotEnter, UnknownMachine, OSError, ValueError) as error:
            return None, "CannotEnter", "the container can't be entered: %s" % error
        return self._run(program)

    def _made(self) -> Further:
        """The command, ready to start. Raises CannotEnter, UnknownMachine, OSError, ValueError."""
        late = time.monotonic() + BEGINS
        while True:
            try:
                return self._make()
            except NotBegun:
                if self._closed.wait(0.05) or time.monotonic() > late:
                    raise

    def _start(
        self,
        program: Further,
        message: Dict[str, Any],
        runner: processes.Processes,
        environment: Mapping[str, str],
    ) -> None:
        """Raises OSError."""
        theirs: Dict[str, int] = {}
        terminal = self._prepare_terminal() if message.get("tty") else None
        try:
            if message.get("stdin") and terminal is None:
                theirs["stdin"], ours = os.pipe()
                self._input = Input(ours)
            for name, kind in (("stdout", STDOUT), ("stderr", STDERR)):
                # beside a terminal only those write there who can't enter the container
                if message.get(name) and (terminal is None or name == "stdout"):
                    ours, theirs[name] = os.pipe()
                    self._outputs[ours] = kind
            self._pid = runner.start(
                program.arguments(None if terminal is None else terminal.fileno()),
                environment,
                self._take_end,
                theirs.get("stdout", subprocess.DEVNULL),
                theirs.get("stdout" if terminal is not None else "stderr", subprocess.DEVNULL),
                theirs.get("stdin", subprocess.DEVNULL),
                [] if terminal is None else [terminal.fileno()],
            )
        except OSError:
            self._clear()
            raise
        finally:
            for descriptor in theirs.values():
                os.close(descriptor)
            if terminal is not None:
                terminal.close()

    def _prepare_terminal(self) -> socket.socket:
        """The end of the connection over which the terminal comes that is for who enters the container."""
        self._terminal, theirs = socket.socketpair()
        return theirs

    def feed(self, kind: int, data: bytes) -> None:
        """Standard input."""
        self._ready.wait()
        if self._input is not None:
            self._input.write(data)

    def eof(self) -> None:
        """The end of standard input; a terminal has none."""
        self._ready.wait()
        if self._input is not None and self._terminal is None:
            self._input.close()

    def resize(self, width: int, height: int) -> None:
        """The terminal's size, which may come before the terminal is there."""
        self._size = (width, height)
        if self._ready.is_set() and self._input is not None and self._terminal is not None:
            self._input.resize(width, height)

    def close(self) -> None:
        """Nobody wants it any more."""
        self._closed.set()

    def _take_end(self, status: int) -> None:
        self._status = status
        self._exited.set()

    def _run(self, program: Further) -> End:
        """Carry its outputs; how it ended."""
        broken = ""
        try:
            if self._terminal is not None:
                self._take_terminal(self._terminal)
            self._ready.set()
            if self._size is not None:
                self.resize(*self._size)
            self._carry()
        except Gone:
            self._closed.set()
        except OSError as error:
            self._closed.set()
            broken = "the command's streams broke: %s" % error
        self._ready.set()
        while not self._exited.wait(LOOK) and not self._closed.is_set():
            pass
        self._clear()
        if not self._exited.is_set():
            self._put_away()
        code, _ = processes.outcome(self._status)
        failure = program.failure(code)
        program.remove()
        if broken:
            return None, "StreamBroken", broken
        return (None, "CannotStart", failure) if failure else (code, "", "")

    def _take_terminal(self, connection: socket.socket) -> None:
        """Wait for the terminal; there is none if the container couldn't be entered, or too late."""
        late = time.monotonic() + BEGINS
        while not select.select([connection], [], [], LOOK)[0]:
            if self._closed.is_set() or time.monotonic() > late:
                self._closed.set()
                return
        _, passed, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(array.array("i").itemsize))
        if not passed:
            return
        descriptors = array.array("i")
        descriptors.frombytes(passed[0][2])
        self._outputs[descriptors[0]] = STDOUT
        self._input = Input(os.dup(descriptors[0]))
        if self._size is not None:
            self._input.resize(*self._size)

    def _carry(self) -> None:
        """Send on what it writes, until all its outputs are closed or, after its end, silent. Raises Gone, OSError."""
        while self._outputs and not self._closed.is_set():
            over = self._exited.is_set()
            readable, _, _ = select.select(list(self._outputs), [], [], DRAIN if over else LOOK)
            if over and not readable:
                return
            for descriptor in readable:
                data = read(descriptor, PIECE)
                if data:
                    self._send(self._outputs[descriptor], data)
                elif data is not None:
                    del self._outputs[descriptor]
                    os.close(descriptor)

    def _put_away(self) -> None:
        """End it."""
        processes.send(self._pid, signal.SIGHUP)
        if not self._exited.wait(PATIENCE):
            processes.kill_tree(self._pid, including_root=True)
            self._exited.wait(PATIENCE)

    def _clear(self) -> None:
        for descriptor in self._outputs:
            os.close(descriptor)
        self._outputs = {}
        if self._input is not None:
            self._input.close()
        if self._terminal is not None:
            self._terminal.close()
