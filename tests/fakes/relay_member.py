"""A real relay for tests: in the test's own loop, or as a process of its own; and the tickets that a gateway would sign."""

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from relay.app import Relay
from relay.model.settings import Settings
from service_runtime.listen import Listen, serve_app

from tests.fakes.certificates import Authority

START_SECONDS = 90

AsymmetricKey = RSAKey | ECKey | OKPKey


@dataclass
class Signer:
    """Signs tickets, as the gateway does."""

    key: AsymmetricKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    algorithm: str = "ES256"

    @property
    def public(self) -> bytes:
        return self.key.as_pem(private=False)

    def ticket(self, url: str, purpose: str, cluster: str = "c1", user: str = "mario", **claims: Any) -> str:
        """A ticket; claims that are given as None are left out."""
        now = int(time.time())
        whole = {
            "aud": url,
            "sub": user,
            "cluster": cluster,
            "purpose": purpose,
            "iat": now,
            "exp": now + 3600,
            "jti": secrets.token_hex(8),
            **claims,
        }
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode({"alg": self.algorithm}, kept, self.key, registry=JWSRegistry(algorithms=[self.algorithm]))


@dataclass
class Member:
    """One relay: where it is dialled, and what opens it."""

    url: str
    signer: Signer
    folder: Path
    authority: Authority | None
    """Of its certificate; None where plain http is spoken, as behind an ingress."""
    relay: Relay | None = None
    """The relay itself, if it runs in the test's own loop."""

    def ticket(self, purpose: str, cluster: str = "c1", user: str = "mario", **claims: Any) -> str:
        return self.signer.ticket(self.url, purpose, cluster, user, **claims)

    def dask(self, cluster: str = "c1", user: str = "mario", **options: str) -> dict[str, Any]:
        """Dask's configuration for one cluster, with its tickets in files."""
        for purpose in ("listen", "dial"):
            self.ticket_file(purpose, cluster).write_text(self.ticket(purpose, cluster, user))
        found: dict[str, Any] = {
            f"highrate.relay.{purpose}-ticket-file": str(self.ticket_file(purpose, cluster))
            for purpose in ("listen", "dial")
        }
        if self.authority is not None:
            found["highrate.relay.ca-file"] = str(self.authority.file)
        return found | {f"highrate.relay.{name.replace('_', '-')}": value for name, value in options.items()}

    def ticket_file(self, purpose: str, cluster: str = "c1") -> Path:
        return self.folder / f"{cluster}-{purpose}.ticket"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def content(folder: Path, port: int, signer: Signer, authority: Authority | None, **changes: Any) -> dict[str, Any]:
    """The configuration of a member at `port`, with `path` in its address; its files lie in `folder`."""
    (folder / "tickets.pem").write_bytes(signer.public)
    path = changes.pop("path", "")
    whole: dict[str, Any] = {
        "listen": f"127.0.0.1:{port}",
        "metrics": "127.0.0.1:0",
        "url": f"{'https' if authority else 'http'}://127.0.0.1:{port}{path}",
        "keys_file": str(folder / "tickets.pem"),
    }
    if authority is not None:
        tls = authority.server(folder, "relay")
        whole["tls"] = {"cert": str(tls.cert), "key": str(tls.key)}
    return {**whole, **changes}


@contextlib.asynccontextmanager
async def member(folder: Path, *, tls: bool = True, **changes: Any) -> AsyncIterator[Member]:
    """A relay in this loop; keyword arguments are settings."""
    signer, port = Signer(), free_port()
    authority = Authority.create(folder, "relay-ca") if tls else None
    settings = Settings.model_validate(content(folder, port, signer, authority, **changes))
    relay = Relay(settings)
    listen = Listen.parse(f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    async with serve_app(relay.app, listen, settings.tls, drain_seconds=0.1):
        yield Member(settings.url, signer, folder, authority, relay)


@dataclass
class Process:
    """A relay that is a process, which can be ended and started again at the same address."""

    member: Member
    config: Path
    metrics: int
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.member.folder / "relay.log").open("ab")
        begin = log.tell()
        with log:
            command = [sys.executable, "-m", "relay", "--config", str(self.config)]
            self.running = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while "relay.listening" not in self.log()[begin:]:
            assert self.running.poll() is None, self.log()
            assert time.monotonic() < deadline, "the relay does not start"
            time.sleep(0.02)

    def send(self, number: int) -> None:
        assert self.running is not None
        self.running.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; gives its exit code."""
        self.send(number)
        assert self.running is not None
        code = self.running.wait(40)
        self.running = None
        return code

    def log(self) -> str:
        return (self.member.folder / "relay.log").read_text()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]


@contextlib.contextmanager
def process(folder: Path, *, tls: bool = True, **changes: Any) -> Iterator[Process]:
    """A relay as a process; keyword arguments are settings."""
    signer, port, metrics = Signer(), free_port(), free_port()
    authority = Authority.create(folder, "relay-ca") if tls else None
    whole = content(folder, port, signer, authority, **{"metrics": f"127.0.0.1:{metrics}", **changes})
    config = folder / "relay.yaml"
    config.write_text(json.dumps(whole))  # JSON is YAML
    made = Process(Member(whole["url"], signer, folder, authority), config, metrics)
    made.start()
    try:
        yield made
    finally:
        if made.running is not None and made.running.poll() is None:
            made.running.kill()
            made.running.wait()


async def eventually(condition: Any, what: str, seconds: float = 20) -> None:
    """Wait until `condition()` holds."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"after {seconds} s still not: {what}") from None
