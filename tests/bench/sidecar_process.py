"""The sidecar as a process of its own, as it is served at a site, but for the schedd: that is one in the memory of who starts it.

`python -m tests.bench.sidecar_process CONFIG SOCKET`, where SOCKET is the fake schedd's.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from condor_sidecar.app.service import serve_with
from condor_sidecar.core.ticket import ticket
from condor_sidecar.io.schedd import Schedd
from condor_sidecar.model.calls import ConnectionSettings
from condor_sidecar.settings import load
from service_runtime.run import run_service

from tests.fakes.certificates import Authority
from tests.fakes.condor_schedd import RELAY, FakeSchedd
from tests.fakes.plugin_client import PluginClient, pod, until
from tests.fakes.relay_member import free_port

NODE = "vk-bench"
AT_ONCE = 50  # creates


@dataclass
class SidecarProcess:
    """A running sidecar with pods whose jobs run. `channel` is where jobs dial: an https address, or a unix socket's."""

    folder: Path
    schedd: FakeSchedd
    channel: str
    pid: int
    authority: Authority
    client: PluginClient
    uids: list[str] = field(default_factory=list)

    def ticket(self, uid: str) -> str:
        return ticket((self.folder / "data" / "channel.secret").read_bytes(), uid)

    async def run_pods(self, count: int) -> None:
        """So many pods more, whose jobs run."""
        wanted = [pod() for _ in range(count)]
        for first in range(0, count, AT_ONCE):
            for each in wanted[first : first + AT_ONCE]:
                code, words = await self.client.create(each)
                assert code == 200, words
        await self.run([str(each["metadata"]["uid"]) for each in wanted])

    async def run(self, uids: Collection[str]) -> None:
        """Let the jobs of these pods run, which were created."""
        await until(lambda: len(self.schedd.jobs) == len(self.uids) + len(uids), "all jobs are in the queue", 120)
        await until(lambda: all(job.attributes["JobStatus"] != 5 for job in self.schedd.jobs.values()), "input", 120)
        for uid in uids:
            self.schedd.run(uid)
        self.uids += uids


@contextlib.asynccontextmanager
async def sidecar_process(folder: Path, *, tls: bool, node: str = NODE) -> AsyncIterator[SidecarProcess]:
    """A sidecar with its defaults, which ends TLS of the job channel itself, or listens on a unix socket behind who does."""
    authority, port = Authority.create(folder), free_port()
    files = authority.server(folder)
    channel: dict[str, Any] = {"url": f"wss://localhost:{port}/job-channel", "authorities": str(authority.file)}
    if tls:
        listen = f"https://127.0.0.1:{port}"
        channel |= {"listen": listen, "tls": {"cert": str(files.cert), "key": str(files.key)}}
    else:
        listen = f"unix://{folder}/channel.sock"
        channel["listen"] = listen
    config = folder / "sidecar.yaml"
    endpoint = {"collector": "fake:9618", "auth": {"methods": ["IDTOKENS"], "token_directory": str(folder)}}
    whole = {
        "instance": node,
        "listen": f"unix://{folder}/plugin.sock",
        "data": str(folder / "data"),
        "metrics": "127.0.0.1:0",
        "endpoint": endpoint,
        "channel": channel,
    }
    config.write_text(json.dumps(whole))  # JSON is YAML
    async with FakeSchedd(folder) as schedd:
        with (folder / "sidecar.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.bench.sidecar_process", str(config), str(schedd.socket)]
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        client = PluginClient(folder / "plugin.sock")
        try:
            await until(lambda: client.socket.exists() or process.returncode is not None, "the sidecar listens", 60)
            assert process.returncode is None, (folder / "sidecar.log").read_text()
            client.connect()
            yield SidecarProcess(folder, schedd, listen, process.pid, authority, client)
        finally:
            await client.disconnect()
            if process.returncode is None:
                process.kill()
            await process.wait()


def main(config: str, schedd: str) -> None:
    """Serve, in the loop that services have."""
    settings = load(Path(config), {})
    connection = ConnectionSettings("fake:9618", None, {})
    command = (sys.executable, str(RELAY), schedd)
    run_service(
        "condor-sidecar",
        lambda stop: serve_with(settings, stop, Schedd(settings.instance, connection, command=command)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
