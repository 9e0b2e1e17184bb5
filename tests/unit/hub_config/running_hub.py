"""A JupyterHub process with our configuration: real requests, cookies and database. No proxy; a Kubernetes where a test has one."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes.kubernetes_api import KubernetesApi
from tests.unit.hub_config.conftest import KUBECONFIG

# imports alone take a minute where other tests have the processors
START_SECONDS = 100
SERVICE_TOKEN = "0123456789abcdef" * 2
# `python -m jupyterhub`, without what takes three seconds to import; see tests/conftest.py
PROGRAM = "import sys; sys.modules['rfc3987_syntax'] = None; from jupyterhub.app import main; main()"

CONFIGURATION = """
import json
from pathlib import Path

import hub_config
from jupyterhub.proxy import Proxy

here = json.loads(Path({file!r}).read_text())


class NoProxy(Proxy):
    should_start = False

    async def add_route(self, routespec, target, data):
        pass

    async def delete_route(self, routespec):
        pass

    async def get_all_routes(self):
        return {{}}


c.JupyterHub.authenticator_class = "iam"
c.JupyterHub.spawner_class = "platform"
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = here["front"]
c.JupyterHub.hub_bind_url = here["hub"]
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.JupyterHub.services = [{{"name": "test", "api_token": here["token"], "admin": True}}]
c.Spawner.consecutive_failure_limit = 5
c.KubeSpawner.storage_pvc_ensure = False
# a pod that runs is the test's Kubernetes itself
c.KubeSpawner.port = here["session_port"]
c.KubeSpawner.update(here["spawner"])
c.IAMAuthenticator.update(here["iam"])
hub_config.configure(c, here["values"])
"""


@dataclass
class Hub:
    """A running hub; `browser` keeps cookies and follows redirects."""

    url: str
    browser: aiohttp.ClientSession
    log: Path

    async def page(self, path: str, **query: str) -> tuple[int, str]:
        async with self.browser.get(f"{self.url}{path}", params=query) as reply:
            return reply.status, await reply.text()

    async def api(self, method: str, path: str, body: object = None, token: str = SERVICE_TOKEN) -> tuple[int, Any]:
        """A REST call; unless told otherwise, with the token of a service that may do everything."""
        headers = {"Authorization": f"token {token}"}
        data = None if body is None else json.dumps(body)
        # a session of its own: a browser's cookies would count as well
        async with aiohttp.ClientSession() as session:
            async with session.request(method, f"{self.url}hub/api/{path}", data=data, headers=headers) as reply:
                text = await reply.text()
                return reply.status, json.loads(text) if text else None

    async def progress(self, person: str) -> AsyncIterator[dict[str, Any]]:
        """What the page of a server that starts is told, until it says that it's over."""
        headers = {"Authorization": f"token {SERVICE_TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.get(f"{self.url}hub/api/users/{person}/server/progress") as reply:
                async for line in reply.content:
                    if line.startswith(b"data:"):
                        yield json.loads(line.removeprefix(b"data:"))

    async def submit(self, path: str, form: dict[str, str]) -> tuple[int, str]:
        """Post the form of a page, as a browser does: with its cookies and its _xsrf."""
        async with self.browser.get(f"{self.url}{path}") as page:
            await page.read()
        xsrf = self.browser.cookie_jar.filter_cookies(page.url)["_xsrf"].value
        async with self.browser.post(f"{self.url}{path}", data={**form, "_xsrf": xsrf}) as reply:
            return reply.status, await reply.text()


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    iam: dict[str, Any],
    values: dict[str, Any],
    port: int | None = None,
    kube: KubernetesApi | None = None,
    spawner: dict[str, Any] | None = None,
) -> AsyncIterator[Hub]:
    """Run a hub with its files in `folder`; `iam` and `spawner` are traits of authenticator and spawner."""
    front, hub = (f"http://127.0.0.1:{free}/" for free in _free_ports(2))
    if port is not None:
        hub = f"http://127.0.0.1:{port}/"
    kube = kube or KubernetesApi(url="http://127.0.0.1:9", port=9)
    settings = {
        "front": front,
        "hub": hub,
        "token": SERVICE_TOKEN,
        "iam": iam,
        "values": values,
        "spawner": spawner or {},
        "session_port": kube.port,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "config.py").write_text(CONFIGURATION.format(file=str(folder / "settings.json")))
    (folder / "kubeconfig").write_text(KUBECONFIG.replace("http://127.0.0.1:9", kube.url))
    environment = {
        **os.environ,
        "JUPYTERHUB_CRYPT_KEY": "ab" * 32,
        "KUBECONFIG": str(folder / "kubeconfig"),
        "CONFIGPROXY_AUTH_TOKEN": "cd" * 32,
    }
    log = folder / "hub.log"
    with log.open("wb") as sink:
        command = [sys.executable, "-c", PROGRAM, "-f", str(folder / "config.py")]
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=environment, stdout=sink, stderr=sink)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            made = Hub(hub, browser, log)
            await _wait(process, made)
            yield made
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def _wait(process: asyncio.subprocess.Process, hub: Hub) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the hub ended:\n{hub.log.read_text()}")
            with contextlib.suppress(aiohttp.ClientConnectionError):
                if (await hub.page("hub/health"))[0] == 200:
                    return
            await asyncio.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
