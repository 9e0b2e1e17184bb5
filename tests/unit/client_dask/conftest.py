"""A gateway's API, and behind it a real scheduler with TLS, as the pods of a cluster have it."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.config
import pytest
from dask_gateway_server.tls import new_keypair
from distributed import Scheduler, Security, Worker
from highrate.dask.scheduler_preload import BatchQueueService

from tests.fakes import dask_gateway
from tests.fakes.dask_gateway import NAME, FakeGateway


@pytest.fixture(scope="session")
def keypair() -> tuple[str, str]:
    """Certificate and key of a cluster, as dask-gateway makes them: it is its own authority."""
    certificate, key = new_keypair(NAME)
    return certificate.decode(), key.decode()


@pytest.fixture
def security(keypair: tuple[str, str], tmp_path: Path) -> Security:
    crt, pem = tmp_path / "dask.crt", tmp_path / "dask.pem"
    crt.write_text(keypair[0])
    pem.write_text(keypair[1])
    names = {f"tls_{role}_{part}": str(file) for role in ("scheduler", "worker", "client") for part, file in
             (("cert", crt), ("key", pem))}  # fmt: skip
    return Security(tls_ca_file=str(crt), require_encryption=True, **names)


@dataclass
class Platform:
    """A gateway with one cluster."""

    gateway: FakeGateway
    scheduler: Scheduler
    security: Security
    folder: Path

    @property
    def service(self) -> BatchQueueService:
        found: BatchQueueService = self.scheduler.services["gateway"]
        return found

    @contextlib.asynccontextmanager
    async def worker(self, name: str, **options: Any) -> AsyncIterator[Worker]:
        scratch = self.folder / f"scratch-{name}"
        scratch.mkdir()
        # asked for: dask-gateway's service sends home whom nobody asked for
        self.service.count += 1
        async with Worker(
            self.scheduler.address,
            name=name,
            nthreads=1,
            security=self.security,
            local_directory=str(scratch),
            dashboard=False,
            **options,
        ) as worker:
            yield worker


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The variables of a session; gives the folder of its credentials, of which there are none yet."""
    folder = tmp_path / "run"
    folder.mkdir()
    gateway = FakeGateway()
    values = {
        "JUPYTERHUB_API_TOKEN": gateway.hub_token,
        "JUPYTER_IMAGE": "registry.example.org/analysis:1",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/",
        "BEARER_TOKEN_FILE": str(folder / "bt_u1000"),
        "X509_USER_PROXY": str(folder / "x509up_u1000"),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DASK_GATEWAY_CLUSTER_NAME", raising=False)
    yield folder


@pytest.fixture
async def platform(
    keypair: tuple[str, str], security: Security, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Platform]:
    gateway = FakeGateway(certificate=keypair[0], key=keypair[1])
    async with dask_gateway.running(gateway):
        # as in a scheduler's pod
        token = tmp_path / "api-token"
        token.write_text(gateway.cluster_token)
        monkeypatch.setenv("DASK_GATEWAY_API_URL", f"{gateway.url}/api")
        monkeypatch.setenv("DASK_GATEWAY_API_TOKEN", str(token))
        with monkeypatch.context() as pod:
            pod.setenv("DASK_GATEWAY_CLUSTER_NAME", NAME)
            scheduler = Scheduler(
                protocol="tls",
                host="127.0.0.1",
                port=0,
                security=security,
                dashboard=False,
                dashboard_address="127.0.0.1:0",
                preload=["highrate.dask.scheduler_preload"],
                preload_argv=["--dg-api-address", "127.0.0.1:0", "--dg-adaptive-period", "0.05"],
            )
            await scheduler
        settings = {
            "gateway.address": gateway.url,
            "gateway.proxy-address": scheduler.address.replace("tls://", "gateway://"),
            "gateway.auth.type": "jupyterhub",
            "gateway.cluster.options": {"image": "{JUPYTER_IMAGE}"},
        }
        with dask.config.set(settings):
            yield Platform(gateway, scheduler, security, tmp_path)
        await scheduler.close()
