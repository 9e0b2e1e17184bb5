"""Clusters are remembered by PostgreSQL as by a file: the gateway is replaced, and what it made goes on."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from offload_backend.core import names

from tests.unit.offload_backend.conftest import Gateway, until

Start = Callable[..., Awaitable[Gateway]]


pgserver = pytest.importorskip("pgserver", reason="the PostgreSQL of these tests has no wheels for Python 3.13")
ACCOUNT = "pgserver"


@pytest.fixture
def database() -> Iterator[str]:
    """The address of an empty one. It refuses to run as root; then it runs as an account that is made, and taken away again."""
    there_before = ACCOUNT in {user.pw_name for user in pwd.getpwall()}
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    folder.chmod(0o755)
    try:
        server = pgserver.get_server(folder / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()
    finally:
        shutil.rmtree(folder)
        if os.geteuid() == 0 and not there_before:
            subprocess.run(["userdel", ACCOUNT], check=False)  # another run of these tests may be using it


async def test_clusters_outlive_the_gateway(start: Start, database: str, tmp_path: Path) -> None:
    address = tmp_path / "database-url"
    address.write_text(f"{database}\n")
    gateway = await start(database={"url": None, "url_file": str(address)})
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    worker = names.label(pod, names.WORKER_LABEL)
    await gateway.report(name, 1, active=[worker])
    await gateway.stop()
    await gateway.start()
    assert list(gateway.cluster(name).workers) == [worker]
    assert (await gateway.ask("DELETE", f"clusters/{name}"))[0] == 204
    await until(lambda: not gateway.api.pods)
