"""An HTTP request as a kubelet makes it for a probe or a hook: which headers it sends, where redirects lead, when it gives up."""

import http.client
import socket
import ssl
import threading
from typing import Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import urljoin, urlsplit

from .request_target import target

MOST_BODY = 10 * 1024  # bytes of an answer that are read
MOST_REDIRECTS = 10
PROBE_AGENT, HOOK_AGENT = "kube-probe/1.0", "kube-lifecycle/1.0"


class Answer(NamedTuple):
    """The last answer: its status, the beginning of its body, and whether it leads to another host, where nobody follows."""

    status: int
    body: str
    leads_away: bool


class Url(NamedTuple):
    """Where a request goes."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = "[%s]" % self.host if ":" in self.host else self.host
        return "%s://%s:%d%s" % (self.scheme, host, self.port, self.path)


def get(url: Url, headers: List[Tuple[str, str]], agent: str, timeout: float) -> Answer:
    """Ask, and follow redirects on the same host. Raises OSError (socket.timeout at the end of `timeout`), HTTPException."""
    sent = _headers(headers, agent)
    watch = _Deadline(timeout)
    with watch:
        for _ in range(MOST_REDIRECTS):
            status, location, body = _ask(url, sent, watch)
            following = _following(url, location) if status in (301, 302, 303, 307, 308) else None
            if following is None:
                return Answer(status, body, False)
            if following.host != url.host:
                return Answer(status, body, True)
            url = following
    raise http.client.HTTPException("stopped after %d redirects" % MOST_REDIRECTS)


class _Deadline:
    """Cuts the connection off when the time is up, however slowly it drips."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: Optional[socket.socket] = None
        self._is_over = False

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def connect(self, url: Url) -> http.client.HTTPConnection:
        """A connection that doesn't outlive this deadline; certificates are not checked."""
        connection: http.client.HTTPConnection
        if url.scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(url.host, url.port, timeout=self._seconds, context=context)
        else:
            connection = http.client.HTTPConnection(url.host, url.port, timeout=self._seconds)
        connection.connect()
        with self._lock:
            self._socket = connection.sock
        self.check()
        return connection

    def check(self) -> None:
        """Raises socket.timeout when the time is up."""
        if self._is_over:
            raise socket.timeout("timed out")

    def _cut(self) -> None:
        self._is_over = True
        with self._lock:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is closed already


def _ask(url: Url, headers: Dict[str, str], deadline: _Deadline) -> Tuple[int, str, str]:
    """Status, where it leads, and body of one answer."""
    connection = deadline.connect(url)
    try:
        connection.putrequest("GET", url.path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode("utf-8"))
        connection.endheaders()
        response = connection.getresponse()
        body = response.read(MOST_BODY).decode("utf-8", "replace")
        deadline.check()  # a connection that is cut off may look like one that has come to its end
        return response.status, response.getheader("Location") or "", body
    except (OSError, http.client.HTTPException):
        deadline.check()  # what went wrong went wrong because the time was up
        raise
    finally:
        connection.close()


def _headers(wanted: List[Tuple[str, str]], agent: str) -> Dict[str, str]:
    """The pod's headers by their lower-case names, and a kubelet's own where the pod has none; an empty one is left out."""
    headers = {"user-agent": agent, "accept": "*/*", "connection": "close"}
    for name, value in wanted:
        headers[name.lower()] = value
    return {name: value for name, value in headers.items() if value}


def _following(url: Url, location: str) -> Optional[Url]:
    if not location:
        return None
    try:
        # headers come as if they were Latin-1
        parts = urlsplit(urljoin(str(url), location.encode("latin-1").decode("utf-8", "surrogateescape")))
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    path = parts.path + ("?" + parts.query if parts.query else "")
    return Url(parts.scheme, parts.hostname, port, target(path))
