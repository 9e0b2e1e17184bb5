"""A gateway, whole, with its database in a file, between a fake API server and a fake hub; schedulers are played by the tests."""

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from dask_gateway_server.app import DaskGateway
from offload_backend.app import housekeeping
from offload_backend.app.gateway_config import gateway_config
from offload_backend.core import names

from tests.fakes.cluster_api import ClusterApi, Object
from tests.fakes.cluster_api import running as running_api
from tests.fakes.hub import FakeHub
from tests.fakes.hub import running as running_hub
from tests.unit.offload_backend.facts import SMALLEST, settings

PATIENCE = 20.0
SCHEDULER_IP = "127.0.0.87"
"""Of all schedulers; nothing listens there."""
TOKENS = {"anna": "token-of-anna", "mario": "token-of-mario"}


def of_a_server(user: str) -> dict[str, Any]:
    """What the hub says of the token of a server of `user`."""
    return {"kind": "user", "name": user, "scopes": [f"users:activity!user={user}"], "groups": ["/people"]}


async def until(ready: Callable[[], object]) -> Any:
    """What `ready` gives once it is something."""
    async with asyncio.timeout(PATIENCE):
        while not (found := ready()):
            await asyncio.sleep(0.01)
    return found


class Gateway:
    """The gateway's server as users and schedulers see it; it can be stopped, and started again with the same database."""

    def __init__(self, folder: Path, api: ClusterApi, hub: FakeHub, changes: dict[str, Any]) -> None:
        self.folder, self.api, self.hub, self.changes = folder, api, hub, changes
        self.session = aiohttp.ClientSession()
        self.url = ""
        self.backend: Any = None
        self._server: Any = None

    async def start(self) -> None:
        server = DaskGateway(config=gateway_config(self._settings()))
        server.initialize(["--config", os.devnull])
        await server.setup()
        self._server, self.backend = server, server.backend
        self.url = f"http://127.0.0.1:{server.runner.addresses[0][1]}/api/v1"
        if not self.api.away:
            await self.backend.watch.synced.wait()

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.cleanup()

    def _settings(self) -> Any:
        key = self.folder / "database-key"
        key.write_bytes(base64.b64encode(b"k" * 32))
        token = self.folder / "token"
        token.write_text(self.hub.service_token)
        kubeconfig = self.folder / "kubeconfig"
        cluster = {"name": "c", "cluster": {"server": self.api.url}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        user = {"name": "u", "user": {"token": "t"}}
        config = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "c"}
        kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))
        base = {
            **SMALLEST,
            "listen": "127.0.0.1:0",
            "metrics": "127.0.0.1:0",
            "kubeconfig": str(kubeconfig),
            "proxy": {"external": True, "token_file": str(token), "gateway_url": "http://gateway:8001"},
            "database": {
                "url": f"sqlite:///{self.folder}/gateway.sqlite",
                "key_file": str(key),
                **self.changes.get("database", {}),
            },
            "hub": {"url": self.hub.url, "token_file": str(token), "remember": 0, **self.changes.get("hub", {})},
        }
        return settings(base, **{key: value for key, value in self.changes.items() if key not in ("hub", "database")})

    async def ask(self, method: str, path: str, user: str = "anna", **body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"jupyterhub {TOKENS[user]}"}
        return await self._send(method, path, headers, body)

    async def _send(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.url}/{path}", headers=headers, json=body or None) as reply:
            text = await reply.read()
            return reply.status, (await reply.json() if text else None)

    async def make(self, user: str = "anna", **options: Any) -> str:
        """A cluster, whose scheduler's pod runs."""
        name = await self.asked_for(user, **options)
        await self.gets_an_address(name)
        return name

    async def asked_for(self, user: str = "anna", **options: Any) -> str:
        """A cluster, whose scheduler's pod is there, and waits."""
        status, made = await self.ask("POST", "clusters/", user, cluster_options=options)
        assert status == 201, made
        name: str = made["name"]
        await until(lambda: names.scheduler_name(name) in self.api.pods)
        await until(lambda: self.cluster(name).status >= 2)
        return name

    async def gets_an_address(self, name: str, ip: str = SCHEDULER_IP) -> None:
        """The scheduler's pod begins to run, and the gateway knows."""
        pod = names.scheduler_name(name)
        await self.api.become(pod, "Running", podIP=ip)
        await until(lambda: (self.backend.watch.get(pod) or {}).get("status", {}).get("podIP"))

    def cluster(self, name: str) -> Any:
        return self.backend.db.get_cluster(name)

    async def report(self, name: str, count: int, address: str = "127.0.0.1", **workers: list[str]) -> int:
        """A scheduler's heartbeat, who says that it is at `address`."""
        message = {
            "scheduler_address": f"tls://{address}:8786",
            "dashboard_address": f"http://{address}:8787",
            "api_address": f"http://{address}:8788",
            "count": count,
            **{f"{kind}_workers": workers.get(kind, []) for kind in ("active", "closing", "closed")},
        }
        headers = {"Authorization": f"token {self.cluster(name).token}"}
        status, _ = await self._send("POST", f"clusters/{name}/heartbeat", headers, message)
        return status

    async def scaled(self, name: str, count: int) -> list[Object]:
        """The pods of `count` workers, which the scheduler asked for."""
        await self.report(name, 0)
        await until(lambda: self.cluster(name).status == 3)
        await self.report(name, count)
        return list(await until(lambda: len(self.workers(name)) == count and self.workers(name)))

    def workers(self, cluster: str) -> list[Object]:
        """The worker pods of a cluster."""
        return [
            pod
            for pod in self.api.pods.values()
            if names.label(pod, names.CLUSTER_LABEL) == cluster and names.label(pod, names.WORKER_LABEL)
        ]

    async def ended(self, name: str) -> dict[str, Any]:
        """What users are told of a cluster once it has ended."""
        await until(lambda: self.cluster(name).status >= 5)
        _, told = await self.ask("GET", f"clusters/{name}/workers")
        about: dict[str, Any] = told["cluster"]
        return about


@pytest.fixture
async def api() -> AsyncIterator[ClusterApi]:
    async with running_api(ClusterApi()) as served:
        yield served


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    fake = FakeHub()
    for name, token in TOKENS.items():
        fake.tokens[token] = of_a_server(name)
        fake.users[name] = {"kind": "user", "name": name, "servers": {"": {"ready": True}}}
    async with running_hub(fake):
        yield fake


@pytest.fixture
async def start(
    tmp_path: Path, api: ClusterApi, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Awaitable[Gateway]]]:
    """Starts gateways with changed settings."""
    monkeypatch.setattr(housekeeping, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(housekeeping, "SERVERS_SECONDS", 0.1)
    made: list[Gateway] = []

    async def starting(**changes: Any) -> Gateway:
        gateway = Gateway(tmp_path, api, hub, changes)
        made.append(gateway)
        await gateway.start()
        return gateway

    try:
        yield starting
    finally:
        for gateway in made:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(gateway.stop(), PATIENCE)
            await gateway.session.close()
