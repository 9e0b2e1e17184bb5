"""The sidecar with its job channel, and real supervisors in jobs of a schedd in memory, over TLS on this machine."""

import io
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.job.supervisor import plan
from service_runtime.tls import TlsFiles

from tests.fakes.certificates import Authority
from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.cutter import Cutter
from tests.fakes.relay_member import free_port
from tests.unit.sidecar.conftest import Sidecar, created, settings_in
from tests.unit.sidecar.supervisor.jobs import Job


class Site:
    """A sidecar whose jobs dial through a cutter."""

    def __init__(self, folder: Path, schedd: FakeSchedd, cutter: Cutter, tls: TlsFiles, authority: Path) -> None:
        self.folder, self.cutter, self.schedd = folder, cutter, schedd
        self._tls, self._authority = tls, authority
        self.jobs: list[Job] = []
        self.sidecar = self.make()

    def make(self, **changes: Any) -> Sidecar:
        """The sidecar with other settings; of the channel in `channel`."""
        channel = {
            "url": f"wss://localhost:{self.cutter.port}/job-channel",
            "listen": f"https://127.0.0.1:{self.cutter.target}",
            "tls": {"cert": str(self._tls.cert), "key": str(self._tls.key)},
            "authorities": str(self._authority),
            **changes.pop("channel", {}),
        }
        self.sidecar = Sidecar(self.folder, self.schedd, settings_in(self.folder, channel=channel, **changes))
        return self.sidecar

    async def pod(self) -> str:
        """A pod whose job is in the queue, idle."""
        uid = await created(self.sidecar)
        await self.sidecar.submitted(uid)
        return uid

    def sent_plan(self, uid: str) -> plan.Pod:
        """What the sidecar sent with the pod's job."""
        (job,) = self.schedd.of(uid)
        with tarfile.open(fileobj=io.BytesIO(job.payload)) as archive:
            found = archive.extractfile(plan.PLAN_FILE)
            assert found is not None
            return plan.decode(found.read())

    def job(self, uid: str, *containers: plan.Container, files: dict[str, bytes] | None = None, **fields: Any) -> Job:
        """A real supervisor with the pod's own plan, but for these containers."""
        wanted = self.sent_plan(uid)._replace(
            containers=list(containers), kept_log_bytes=fields.pop("kept", 1 << 20), **fields
        )
        job = Job(self.folder / f"job-{len(self.jobs)}", wanted, files)
        self.jobs.append(job)
        return job


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TlsFiles, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority.create(folder)
    yield authority.server(folder), authority.file


@pytest.fixture
async def site(tmp_path: Path, schedd: FakeSchedd, certificates: tuple[TlsFiles, Path]) -> AsyncIterator[Site]:
    async with Cutter(free_port()) as cutter:
        made = Site(tmp_path, schedd, cutter, *certificates)
        await made.sidecar.start()
        yield made
        await made.sidecar.stop()
        for job in made.jobs:
            job.kill()
