"""One call to the token service. No redirect is followed and no proxy is used: the hub's token goes where the settings say."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlsplit

from highrate.tokens.answer import Answer, NotNow, read
from highrate.tokens.settings import Settings

DEADLINE = 50.0
"""Seconds for the whole call, name resolution aside: that has its own limits in resolv.conf. The service itself waits 30 s for the
hub, which may have to renew the login, and 15 s for the login service: whoever left sooner would never get what came late."""
_LARGEST_ANSWER = 64 * 1024


def ask(settings: Settings, profile: str = "", *, deadline: float = DEADLINE) -> Answer:
    """A token of ``profile`` (empty: the service's default). What goes wrong is an answer too."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as problem:  # ssl.SSLError is one
        return NotNow(f"the authorities in {settings.ca_file} can't be read: {problem}")
    try:
        return _call(settings, context, profile, deadline)
    except ssl.SSLCertVerificationError as problem:
        return NotNow(f"{settings.url} shows a certificate that isn't trusted: {problem.verify_message}")
    except (OSError, UnicodeError, http.client.HTTPException) as problem:  # UnicodeError: a name that is no host's
        return NotNow(f"{settings.url} doesn't answer: {str(problem) or type(problem).__name__}")


def _call(settings: Settings, context: ssl.SSLContext, profile: str, deadline: float) -> Answer:
    parts = urlsplit(settings.url)
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=deadline, context=context)
    path = f"{parts.path}/v1/token" + (f"?profile={quote(profile, safe='')}" if profile else "")
    headers = {"Authorization": f"token {settings.hub_token}", "Accept": "application/json"}
    sockets: list[socket.socket] = []
    try:
        with _cut_after(deadline, lambda: [connection.sock, *sockets]):
            connection.connect()
            sockets.append(connection.sock)  # a reply that ends with the connection takes it from there
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read(_LARGEST_ANSWER + 1)
    finally:
        connection.close()
    if len(body) > _LARGEST_ANSWER:
        return NotNow(f"{settings.url} answers with more than {_LARGEST_ANSWER // 1024} KiB")
    return read(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


@contextmanager
def _cut_after(seconds: float, sockets: Callable[[], Sequence[socket.socket | None]]) -> Iterator[None]:
    """A socket's time-out counts from the last byte, so that a peer that dribbles could hold us for ever.

    Raises TimeoutError.
    """
    done, late = threading.Event(), threading.Event()

    def cut() -> None:
        pause = seconds
        while not done.wait(pause):
            late.set()
            for sock in sockets():
                if sock is not None:
                    # not the method of SSLSocket, which takes the TLS layer away under the reader
                    with suppress(OSError):  # it may have ended by itself
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)
            pause = 1.0  # a socket may appear only now, when the name was resolved late

    threading.Thread(target=cut, daemon=True).start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not late.is_set():
            raise
    finally:
        done.set()
    if late.is_set():
        raise TimeoutError(f"no whole answer within {seconds:g} s")
