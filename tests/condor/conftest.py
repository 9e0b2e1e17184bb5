"""The sidecar as a process of its own in front of a real pool: the site of this checkout's development cluster.

Every test runs twice where it asks for `sidecar`: straight to the schedd, and through the compute element.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import yaml
from devcluster.site.access import Site, SiteNotUp, running_site

from tests.fakes.plugin_client import PluginClient, pod

UNPACKED = "/cvmfs/unpacked.highrate.test"
IMAGE = "tools:1"

# an image of the site's own programs: a shell and what tests call, with the libraries that they load; several workers may make
# it at once, and the first one's stays
_MAKE_IMAGE = """
set -e
[ -e "$1" ] && exit 0
image=$1.$$
mkdir -p "$image/etc" "$image/dev" "$image/proc" "$image/sys" "$image/tmp" "$image/usr/bin" "$image/opt/folder" "$image/root"
ln -s usr/bin "$image/bin"
echo 'root:x:0:0::/root:/bin/sh' > "$image/etc/passwd"
for program in sh cat echo env sleep id ls mkdir touch date printf pwd head seq rm od; do
  path=$(readlink -f "/usr/bin/$program")
  cp "$path" "$image/usr/bin/$program"
  ldd "$path" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$image/$(dirname "$library")"
    cp -L -n "$library" "$image/$library"
  done
done
mv -T "$image" "$1" || rm -r "$image"
"""


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The running site; started for the tests, and then stopped after them, if it isn't there."""
    try:
        yield running_site()
        return
    except SiteNotUp:
        pass
    if os.geteuid() != 0:
        pytest.fail("the condor tier needs root (network namespaces for a pool of its own)")
    subprocess.run([sys.executable, "-m", "devcluster.site", "up"], check=True, timeout=600)
    yield running_site()
    subprocess.run([sys.executable, "-m", "devcluster.site", "down"], check=True, timeout=120)


@pytest.fixture(scope="session")
def image(site: Site) -> str:
    """Name of a small image that is unpacked at the site."""
    site.run(["sh", "-c", _MAKE_IMAGE, "make", f"{UNPACKED}/{IMAGE}"])
    return IMAGE


def shell(script: str, name: str = "c", **more: Any) -> dict[str, Any]:
    """A container that runs a script."""
    return {"name": name, "image": "tools:1", "command": ["sh", "-c", script], "resources": {}, **more}


def with_containers(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return pod(containers=list(containers), **spec)


class CondorSidecar(PluginClient):
    """A sidecar process: `start`, `kill` (SIGKILL), `stop` (SIGTERM). Calls need `connected()` around them."""

    deadline: ClassVar[float] = 120.0

    def __init__(self, folder: Path, site: Site, endpoint: str, **changes: Any) -> None:
        super().__init__(folder / "s.sock")
        self.folder = folder
        self.site = site
        self.endpoint = endpoint
        self.instance = f"test-{folder.name}-{os.getpid()}"
        self.token_file = folder / "token"
        self._process: subprocess.Popen[bytes] | None = None
        settings: dict[str, Any] = {
            "policy": {"patience_seconds": 5},
            "instance": self.instance,
            "listen": f"unix://{self.socket}",
            "data": str(folder / "data"),
            "metrics": "127.0.0.1:0",
            "endpoint": {
                "mode": endpoint,
                "collector": site.collector(endpoint),
                "schedd": site.schedd_name(endpoint),
                "auth": {"token_file": str(self.token_file), "ca_file": str(site.ca_file), "session_seconds": 10},
            },
            "images": {"unpacked_roots": [UNPACKED], "docker_fallback": False},
            "defaults": {"memory_mib": 64, "disk_mib": 64},
            "poll": {"busy": 0.5, "live": 0.5, "idle": 1},
            "hold": {"staging": 5},
            "output": {"live_seconds": 0.5},
        }
        (folder / "sidecar.yaml").write_text(yaml.safe_dump({**settings, **changes}))

    def new_token(self, **claims: str) -> None:
        """Replace the token as the refresher does: by rename."""
        fresh = self.token_file.with_suffix(".new")
        fresh.write_text(self.site.token(**claims))
        fresh.chmod(0o600)
        fresh.rename(self.token_file)

    def start(self) -> None:
        argv = [sys.executable, "-m", "condor_sidecar", "--config", str(self.folder / "sidecar.yaml")]
        with (self.folder / "log").open("ab") as log:
            began = log.tell()
            self._process = subprocess.Popen(argv, stderr=log)
        limit = time.monotonic() + 60
        while "journal.read" not in self.log()[began:] or not self.socket.exists():
            assert self._process.poll() is None, self.log()[-2000:]
            assert time.monotonic() < limit, self.log()[-2000:]
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.socket.unlink(missing_ok=True)

    def stop(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            assert self._process.wait(40) == 0, self.log()[-2000:]
        argv = ["condor_rm", "-constraint", f'InterlinkInstance =?= "{self.instance}"']
        self.site.run(argv, ce=self.endpoint == "ce", check=False)

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Self]:
        self.connect()
        try:
            yield self
        finally:
            await self.disconnect()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def jobs(self, *uids: str) -> list[list[str]]:
        """Pod, job id and JobStatus of this sidecar's jobs in the queue, by HTCondor's own tool; of these pods, or of all."""
        constraint = f'InterlinkInstance =?= "{self.instance}"'
        argv = [
            "condor_q",
            "-all",
            "-constraint",
            constraint,
            "-af",
            "InterlinkPodUID",
            "ClusterId",
            "ProcId",
            "JobStatus",
        ]
        output = self.site.run(argv, ce=self.endpoint == "ce").stdout
        found = [line.split() for line in output.splitlines() if line.strip()]
        return [job for job in found if not uids or job[0] in uids]


@pytest.fixture(scope="session", params=["schedd", "ce"])
def shared_sidecar(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, site: Site, image: str
) -> Iterator[CondorSidecar]:
    """One process for all tests that leave it as it is."""
    running = CondorSidecar(tmp_path_factory.mktemp(request.param), site, request.param)
    running.new_token()
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def sidecar(shared_sidecar: CondorSidecar) -> AsyncIterator[CondorSidecar]:
    async with shared_sidecar.connected():
        yield shared_sidecar


@pytest.fixture(params=["schedd", "ce"])
def own_sidecar(request: pytest.FixtureRequest, tmp_path: Path, site: Site, image: str) -> Iterator[CondorSidecar]:
    """A process for a test that kills it, or spoils its token."""
    running = CondorSidecar(tmp_path, site, request.param)
    running.new_token()
    running.start()
    yield running
    running.stop()
