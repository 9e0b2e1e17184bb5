"""The sidecar as a process of its own in front of a real pool: the site of this checkout's development cluster.

Every test runs twice where it asks for `sidecar`: straight to the schedd, and through the compute element.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from devcluster.site.access import Site, SiteNotUp, running_site

from tests.fakes.plugin_client import PluginClient, until

UNPACKED = "/cvmfs/unpacked.highrate.test"
IMAGE = "tools:1"

# an image of the site's own programs: a shell and what tests call, with the libraries that they load
_MAKE_IMAGE = """
set -e
image=$1
[ -e "$image/bin/sh" ] && exit 0
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
        reason = "the condor tier needs root (network namespaces for a pool of its own)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    subprocess.run([sys.executable, "-m", "devcluster.site", "up"], check=True, timeout=600)
    yield running_site()
    subprocess.run([sys.executable, "-m", "devcluster.site", "down"], check=True, timeout=120)


@pytest.fixture(scope="session")
def image(site: Site) -> str:
    """Name of a small image that is unpacked at the site."""
    site.run(["sh", "-c", _MAKE_IMAGE, "make", f"{UNPACKED}/{IMAGE}"])
    return IMAGE


class CondorSidecar(PluginClient):
    """A sidecar process: `start`, `kill` (SIGKILL), `stop` (SIGTERM)."""

    deadline: ClassVar[float] = 60.0

    def __init__(self, folder: Path, site: Site, endpoint: str, **changes: Any) -> None:
        super().__init__(folder / "s.sock")
        self.folder = folder
        self.site = site
        self.endpoint = endpoint
        self.instance = f"test-{folder.name}-{os.getpid()}"
        self.token_file = folder / "token"
        self._process: asyncio.subprocess.Process | None = None
        settings: dict[str, Any] = {
            "instance": self.instance,
            "listen": f"unix://{self.socket}",
            "data": str(folder / "data"),
            "metrics": "127.0.0.1:0",
            "endpoint": {
                "mode": endpoint,
                "collector": site.collector(endpoint),
                "schedd": site.schedd_name(endpoint),
                "auth": {"token_file": str(self.token_file), "ca_file": str(site.ca_file)},
            },
            "images": {"unpacked_roots": [UNPACKED], "docker_fallback": False},
            "defaults": {"memory_mib": 128, "disk_mib": 64},
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

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "condor_sidecar",
            "--config",
            str(self.folder / "sidecar.yaml"),
            stderr=(self.folder / "log").open("ab"),
        )
        process = self._process
        await until(lambda: self._answers() or process.returncode is not None, "the sidecar listens", 30)
        assert process.returncode is None, self.log()[-2000:]
        self.connect()

    async def kill(self) -> None:
        assert self._process is not None
        await self.disconnect()
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> None:
        assert self._process is not None
        await self.disconnect()
        if self._process.returncode is None:
            self._process.terminate()
            assert await self._process.wait() == 0, self.log()[-2000:]

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def jobs(self, *attributes: str) -> list[list[str]]:
        """This sidecar's jobs in the queue, by HTCondor's own tool."""
        constraint = f'InterlinkInstance =?= "{self.instance}"'
        argv = ["condor_q", "-all", "-constraint", constraint, "-af", "InterlinkPodUID", "JobStatus", *attributes]
        output = self.site.run(argv, ce=self.endpoint == "ce").stdout
        return [line.split() for line in output.splitlines() if line.strip()]

    def remove_all(self) -> None:
        argv = ["condor_rm", "-constraint", f'InterlinkInstance =?= "{self.instance}"']
        self.site.run(argv, ce=self.endpoint == "ce", check=False)

    def _answers(self) -> bool:
        return self.socket.exists() and "service.started" in self.log()


@pytest.fixture(params=["schedd", "ce"])
async def sidecar(
    request: pytest.FixtureRequest, tmp_path: Path, site: Site, image: str
) -> AsyncIterator[CondorSidecar]:
    running = CondorSidecar(tmp_path, site, request.param)
    running.new_token()
    await running.start()
    yield running
    await running.stop()
    running.remove_all()
