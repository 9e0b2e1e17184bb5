"""A token service as a session sees it: https on a real socket, with the faults that a real one won't produce on demand."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.certificates import Authority

HUB_TOKEN = "token-that-the-hub-gave-to-the-server"


@dataclass(frozen=True)
class Reply:
    """``dribble``: a byte each 0.1 s, for ever. ``silent``: nothing at all."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    dribble: bool = False
    silent: bool = False


def granted(token: str = "token-1", life: float = 600, **changes: Any) -> Reply:
    document = {
        "access_token": token,
        "token_type": "Bearer",
        "profile": "storage",
        "scope": "storage.read:/ storage.modify:/me",
        "audience": "https://wlcg.cern.ch/jwt/v1/any",
        "expires_at": int(time.time() + life),
        **changes,
    }
    return Reply(200, json.dumps(document).encode())


def refused(status: int, error: str, message: str, **headers: str) -> Reply:
    body = json.dumps({"error": error, "message": message}).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Call:
    path: str
    authorization: str


class SessionTokens:
    """``reply`` is what is answered from now on; a function of the number of the call, or one for all."""

    def __init__(self, authority: Authority, url: str) -> None:
        self.authority = authority
        self.url = url
        self.calls: list[Call] = []
        self.reply: Reply | Callable[[int], Reply] = granted()
        self.closing = threading.Event()

    def environment(self, folder: Path, **changes: str) -> dict[str, str]:
        """What a session's pod has, with its files in ``folder``."""
        return {
            "HIGHRATE_TOKENS_URL": self.url,
            "HIGHRATE_TOKEN_PROFILE": "storage",
            "HIGHRATE_CA_FILE": str(self.authority.file),
            "JUPYTERHUB_API_TOKEN": HUB_TOKEN,
            "XDG_RUNTIME_DIR": str(folder),
            "BEARER_TOKEN_FILE": str(folder / "bt_u1000"),
            **changes,
        }


@contextmanager
def running(folder: Path) -> Iterator[SessionTokens]:
    authority = Authority.create(folder, "tokens-ca")
    files = authority.server(folder, "tokens")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    fake = SessionTokens(authority, f"https://localhost:{server.server_port}")
    server.fake = fake  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        fake: SessionTokens = self.server.fake  # type: ignore[attr-defined]
        fake.calls.append(Call(self.path, self.headers.get("Authorization", "")))
        reply = fake.reply(len(fake.calls)) if callable(fake.reply) else fake.reply
        if reply.silent:
            fake.closing.wait()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(10**6 if reply.dribble else len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        while reply.dribble and not fake.closing.wait(0.1):
            self.wfile.write(b" ")

    def handle(self) -> None:
        with suppress(OSError):  # a client may hang up
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
        """Not on the tests' output."""
