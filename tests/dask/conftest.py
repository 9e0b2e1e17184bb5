"""Dask clusters as the platform runs them: `dask scheduler` and `dask worker`, each a process, every connection through a relay."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.config
import pytest
from distributed import Client, Security

from tests.fakes.relay_member import Process, process

SECONDS = 120
SCHEDULER = "relay://scheduler"
ROOT = Path(__file__).parents[2]  # where workers find the functions of these tests


@dataclass
class Cluster:
    """A scheduler and nannies, and a client of theirs."""

    relay: Process
    folder: Path
    security: Security
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    scheduler: str = SCHEDULER
    config: dict[str, Any] = field(default_factory=dict)
    """Of Dask in this process, to reach it: another cluster's may be set meanwhile."""
    client: Client = field(init=False)

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """`dask ARGUMENTS` as a process; its log is NAME.log."""
        certificate = ["--tls-ca-file", "ca.pem", "--tls-cert", "cert.pem", "--tls-key", "key.pem"]
        with (self.folder / f"{name}.log").open("ab") as log:
            made = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, *certificate],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
            )
        self.processes.append(made)
        return made

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """With two addresses, as on the platform; a direct one alone, to compare with."""
        if self.scheduler == SCHEDULER:
            arguments = ("--protocol", "tls,relay", "--port", "0,0", "--dashboard-address", ":0")
            return self.start("scheduler", "scheduler", *arguments, DASK_HIGHRATE__RELAY__LISTEN_ID="scheduler")
        host, port = self.scheduler.removeprefix("tls://").split(":")
        return self.start(
            "scheduler", "scheduler", "--protocol", "tls", "--host", host, "--port", port, "--no-dashboard"
        )

    def start_worker(self, name: str, **environment: str) -> subprocess.Popen[bytes]:
        protocol = ("--protocol", self.scheduler.split(":")[0])
        worker_class = ("--worker-class", "highrate.relay.worker.RelayWorker", "--death-timeout", str(SECONDS))
        arguments = (*protocol, *worker_class, "--nthreads", "1", "--name", name, "--no-dashboard")
        return self.start(name, "worker", self.scheduler, *arguments, **environment)

    def direct_address(self) -> str:
        """The scheduler's own, which is what dask-gateway's proxy leads to."""
        return next(
            line.split()[-1]
            for line in (self.folder / "scheduler.log").read_text().splitlines()
            if "Scheduler at:     tls" in line
        )

    def addresses(self) -> dict[str, str]:
        """Of the workers, by name."""
        # asked now: what scheduler_info gives may be what a look that was given up has left
        assert self.client.scheduler is not None
        workers = self.client.sync(self.client.scheduler.identity, n_workers=-1)["workers"]
        return {str(worker["name"]): address for address, worker in workers.items()}

    def until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}\n{self.logs()}"
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(f"--- {file.name}\n{file.read_text()[-3000:]}" for file in sorted(self.folder.glob("*.log")))


@contextlib.contextmanager
def running(
    relay: Process, folder: Path, workers: int = 2, scheduler: str = SCHEDULER, name: str = "c1", **options: str
) -> Iterator[Cluster]:
    """A cluster called `name` of `workers`; of another scheduler, it knows the relay no more.

    Other keyword arguments are keys below highrate.relay.
    """
    security = Security.temporary()
    for file, text in (
        ("ca.pem", security.tls_ca_file),
        ("cert.pem", security.tls_scheduler_cert),
        ("key.pem", security.tls_scheduler_key),
    ):
        (folder / file).write_text(text)
    config = {**relay.member.dask(name, **options), "distributed.comm.timeouts.connect": "60s"}
    variables = {f"DASK_{key.upper().replace('.', '__').replace('-', '_')}": value for key, value in config.items()}
    cluster = Cluster(
        relay,
        folder,
        security,
        {**os.environ, **variables, "PYTHONPATH": str(ROOT)},
        scheduler=scheduler,
        config=config,
    )
    try:
        with dask.config.set(config):
            cluster.start_scheduler()
            for number in range(workers):
                cluster.start_worker(f"w{number}")
            with Client(scheduler, security=security, timeout=SECONDS, set_as_default=False) as cluster.client:
                if workers:
                    cluster.client.wait_for_workers(workers, timeout=SECONDS)
                yield cluster
    finally:
        for made in cluster.processes:
            made.terminate()
        for made in cluster.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                made.wait(10)
            made.kill()
            made.wait()


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A relay that ends the outer TLS itself."""
    with process(tmp_path_factory.mktemp("relay")) as made:
        yield made
