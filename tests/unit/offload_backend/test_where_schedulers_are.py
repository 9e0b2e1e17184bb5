"""Schedulers run what their users like: where they are is what Kubernetes says, not what they say."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from offload_backend.core import names
from offload_backend.core.addresses import of_scheduler
from service_runtime.listen import Listen, serve_app

from tests.fakes.cluster_api import ClusterApi
from tests.unit.offload_backend.conftest import SCHEDULER_IP, Gateway, until

Start = Callable[..., Awaitable[Gateway]]
ELSEWHERE = "10.9.8.7"
LEADS_AWAY_IP = "127.0.0.88"


@pytest.mark.parametrize(
    ("status", "dashboard", "found"),
    [
        ({"podIP": "10.1.2.3"}, True, ("tls://10.1.2.3:8786", "http://10.1.2.3:8787", "http://10.1.2.3:8788")),
        ({"podIP": "10.1.2.3"}, False, ("tls://10.1.2.3:8786", "", "http://10.1.2.3:8788")),
        ({"podIP": "fd00::1"}, True, ("tls://[fd00::1]:8786", "http://[fd00::1]:8787", "http://[fd00::1]:8788")),
        ({"podIP": ""}, True, None),
        ({}, True, None),
    ],
)
def test_addresses_are_those_of_the_pod(
    status: dict[str, str], dashboard: bool, found: tuple[str, str, str] | None
) -> None:
    keys = ("scheduler_address", "dashboard_address", "api_address")
    assert of_scheduler({"status": status}, dashboard=dashboard) == (found and dict(zip(keys, found, strict=True)))
    assert of_scheduler({}, dashboard=dashboard) is None


async def test_a_scheduler_that_names_anothers_address_is_not_believed(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    assert await gateway.report(name, 0, ELSEWHERE) == 200
    await until(lambda: gateway.cluster(name).status == 3)
    assert await gateway.report(name, 0, ELSEWHERE) == 200
    cluster = gateway.cluster(name)
    found = (cluster.scheduler_address, cluster.dashboard_address, cluster.api_address)
    assert found == (f"tls://{SCHEDULER_IP}:8786", f"http://{SCHEDULER_IP}:8787", f"http://{SCHEDULER_IP}:8788")


async def test_a_scheduler_whose_pod_has_no_address_yet_reports_again(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.asked_for()
    assert await gateway.report(name, 0) == 409
    assert (gateway.cluster(name).status, gateway.cluster(name).scheduler_address) == (2, "")
    await gateway.gets_an_address(name)
    assert await gateway.report(name, 0) == 200
    await until(lambda: gateway.cluster(name).status == 3)


async def test_a_scheduler_leads_the_gateway_nowhere_else(start: Start) -> None:
    gateway, asked = await start(), list[str]()

    async def away(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    app = web.Application()
    app.router.add_post("/{path:.*}", away)
    name = await gateway.asked_for()
    await gateway.gets_an_address(name, LEADS_AWAY_IP)
    await gateway.report(name, 0)
    await until(lambda: gateway.cluster(name).status == 3)
    async with serve_app(app, Listen.parse(f"http://{LEADS_AWAY_IP}:8788"), drain_seconds=0.1):
        status, told = await gateway.ask("POST", f"clusters/{name}/scale", count=1)
    assert (status, "doesn't answer now" in told["error"]) == (409, True)
    assert set(asked) == {"/api/comm"}
    assert names.scheduler_name(name) in gateway.api.pods
