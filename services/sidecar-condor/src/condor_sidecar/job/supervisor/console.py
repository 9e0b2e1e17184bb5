"""The standard streams of one run of a container: pipes, or a terminal where the pod asks for one, and who is attached to them."""

import os
import subprocess
import threading
from typing import Callable, Dict, List, Optional

from .channel_protocol import STDERR, STDOUT
from .ends import Input
from .plan import Container

Listener = Callable[[Optional[int], bytes], None]
"""Gets what the container writes, with STDOUT or STDERR; None at its end. May wait, and the container waits with it."""


class Console:
    """Made before the container starts; `stdin`, `stdout` and `stderr` are for its process, `outputs` for who reads them."""

    def __init__(self, container: Container) -> None:
        self._once = container.stdin_once
        self._lock = threading.Lock()
        self._listeners: List[Listener] = []
        self._over = False
        self.input: Optional[Input] = None
        self.stdin = subprocess.DEVNULL
        self.outputs: Dict[int, int] = {}
        self._takes_input, self._terminal = container.stdin, container.tty
        if container.tty:
            master, self.stdout = os.openpty()
            self.stderr = self.stdout
            self.outputs[master] = STDOUT
            self.input = Input(os.dup(master))
            self.stdin = self.stdout  # as a container runtime does, whether or not anybody may type there
            return
        for kind in (STDOUT, STDERR):
            ours, theirs = os.pipe()
            self.outputs[ours] = kind
            if kind == STDOUT:
                self.stdout = theirs
            else:
                self.stderr = theirs
        if container.stdin:
            self.stdin, ours = os.pipe()
            self.input = Input(ours)

    def started(self) -> None:
        """The process has its ends of the streams, or never will: they are not ours any more."""
        for descriptor in {self.stdin, self.stdout, self.stderr} - {subprocess.DEVNULL}:
            os.close(descriptor)

    def attach(self, listener: Listener) -> bool:
        """From now on `listener` gets what the container writes; False if it has ended."""
        with self._lock:
            if not self._over:
                self._listeners.append(listener)
            return not self._over

    def detach(self, listener: Listener) -> None:
        """It gets no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def write(self, data: bytes, wanted: Callable[[], bool]) -> None:
        """To the container's standard input, if the pod gives it one; waits while that isn't read, as long as it is `wanted`."""
        if self.input is not None and self._takes_input:
            self.input.write(data, wanted)

    def leave_input(self) -> None:
        """Somebody who gave input has no more: that is its end where the pod says `stdinOnce`."""
        if self.input is not None and self._takes_input and self._once:
            self._takes_input = False
            self.input.close()

    def resize(self, width: int, height: int) -> None:
        """The terminal's size, if there is one: who attaches may think so of any container."""
        if self.input is not None and self._terminal:
            self.input.resize(width, height)

    def seen(self, kind: int, data: bytes) -> None:
        """The container wrote this."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(kind, data)

    def end(self) -> None:
        """The container has ended, and all that it wrote was seen."""
        with self._lock:
            self._over = True
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener(None, b"")
        if self.input is not None:
            self.input.close()
