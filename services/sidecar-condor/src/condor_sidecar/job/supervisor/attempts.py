"""Tries probes and hooks, beside the main loop, each with a deadline of its own.

Probes share a bounded number of threads; hooks, of which a container has one at a time and which may take long, get one each.
"""

import errno
import http.client
import os
import queue
import socket
import threading
from typing import Callable, List, NamedTuple, Optional, Tuple

from . import grpc_health, http_attempt
from .actions import HOOKS, Attempt
from .mailbox import Attempted, Mailbox
from .plan import Action
from .words import duration

THREADS = 16

Execute = Callable[[str, int, List[str], float], "Outcome"]


class Outcome(NamedTuple):
    """What came of it: True, False, or None where nothing can be said; with what is told about it."""

    good: Optional[bool]
    message: str


class Attempts:
    """All probes and hooks of the pod. `execute` runs a command in a container's run; `address` is the pod's own."""

    def __init__(self, mailbox: Mailbox, execute: Execute, address: str) -> None:
        self._mailbox, self._execute, self._address = mailbox, execute, address
        self._waiting: "queue.Queue[Tuple[Attempt, Action]]" = queue.Queue()  # at most one of each probe
        self._threads = 0

    def begin(self, attempt: Attempt, action: Action) -> None:
        """Try it; the outcome comes by the mailbox."""
        if attempt.what in HOOKS:
            threading.Thread(target=self._try, args=(attempt, action), daemon=True).start()
            return
        self._waiting.put((attempt, action))
        if self._threads < THREADS:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._try(*self._waiting.get())

    def _try(self, attempt: Attempt, action: Action) -> None:
        try:
            outcome = self._outcome(attempt, action)
        except Exception as error:  # a probe must be answered, whatever happens
            outcome = Outcome(None, "%s: %s" % (type(error).__name__, error))
        name, what, run, _ = attempt
        self._mailbox.put(Attempted(name, what, run, outcome.good, outcome.message))

    def _outcome(self, attempt: Attempt, action: Action) -> Outcome:
        if action.kind == "sleep":
            threading.Event().wait(min(float(action.seconds), attempt.timeout))
            return Outcome(True, "")
        if action.kind == "exec":
            return self._execute(attempt.name, attempt.run, action.command, attempt.timeout)
        host = action.host or self._address or "127.0.0.1"
        if action.kind == "http":
            url = http_attempt.Url(action.scheme, host, action.port, action.path)
            return _http(url, action, attempt)
        if action.kind == "grpc":
            return _grpc(host, action, attempt.timeout)
        return _tcp(host, action.port, attempt.timeout)


def _http(url: http_attempt.Url, action: Action, attempt: Attempt) -> Outcome:
    """A probe succeeds with a status from 200 to 399, a hook with any."""
    is_hook = attempt.what in HOOKS
    agent = http_attempt.HOOK_AGENT if is_hook else http_attempt.PROBE_AGENT
    try:
        answer = http_attempt.get(url, action.headers, agent, attempt.timeout)
    except (OSError, http.client.HTTPException, UnicodeError) as error:  # of a host that can't be a name
        return Outcome(False, 'Get "%s": %s' % (url, _complaint(error, "%s:%d" % (url.host, url.port))))
    if answer.leads_away and not is_hook:
        return Outcome(True, "Probe terminated redirects, Response body: " + answer.body)
    if is_hook or 200 <= answer.status < 400:
        return Outcome(True, "")
    return Outcome(False, "HTTP probe failed with statuscode: %d" % answer.status)


def _tcp(host: str, port: int, timeout: float) -> Outcome:
    try:
        socket.create_connection((host, port), timeout).close()
    except (OSError, UnicodeError) as error:
        return Outcome(False, _complaint(error, "%s:%d" % (host, port)))
    return Outcome(True, "")


def _grpc(host: str, action: Action, timeout: float) -> Outcome:
    try:
        status = grpc_health.check(host, action.port, action.service, timeout)
    except socket.timeout:
        return Outcome(
            False, 'timeout: failed to connect service "%s:%d" within %s' % (host, action.port, duration(timeout))
        )
    except OSError as error:
        return Outcome(False, "error: " + _complaint(error, "%s:%d" % (host, action.port)))
    except grpc_health.NoAnswer as error:
        return Outcome(False, "error: %s" % error)
    if status == grpc_health.SERVING:
        return Outcome(True, "")
    return Outcome(False, 'service unhealthy (responded with "%s")' % status)


def _complaint(error: Exception, address: str) -> str:
    """An error of a connection, in the words that Go has for it."""
    if isinstance(error, socket.timeout):
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    number = getattr(error, "errno", None)
    if number == errno.ECONNREFUSED:
        return "dial tcp %s: connect: connection refused" % address
    if isinstance(number, int) and number > 0:
        return "dial tcp %s: %s" % (address, os.strerror(number).lower())
    return str(error) or type(error).__name__
