"""With the chart's files where the kubelet mounts them, the sidecar takes the connection that its job's own client dials."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import yaml
from condor_sidecar.core.ticket import ticket
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.channel_protocol import SUBPROTOCOL, TEXT_LIMIT
from condor_sidecar.job.supervisor.websocket import Broken, connect

from tests.charts.channel_values import INGRESS, NODE_PORT
from tests.charts.highrate.mounted import Given, mount
from tests.charts.navigation import Workload, one, workloads
from tests.charts.rendering import Chart, Values, merged
from tests.fakes.certificates import Authority
from tests.fakes.condor_schedd import FakeSchedd
from tests.fakes.relay_member import free_port
from tests.unit.sidecar.conftest import Sidecar, created, settings_in

SECRET = "0123456789abcdef" * 2


@pytest.fixture
async def schedd(tmp_path: Path) -> AsyncIterator[FakeSchedd]:
    async with FakeSchedd(tmp_path) as fake:
        yield fake


async def test_at_a_sidecar_that_ends_tls_itself(chart: Chart, schedd: FakeSchedd, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    certificate = authority.server(tmp_path)
    given = {
        "channel-tls": {"tls.crt": certificate.cert.read_text(), "tls.key": certificate.key.read_text()},
        "channel-authority": {"ca.crt": authority.file.read_text()},
        "channel-tickets": {"channel.secret": SECRET},
        "site-authorities": {"ca.crt": "those of HTCondor and the provider"},
    }
    port = free_port()
    values = merged(NODE_PORT, {"channel": {"url": f"wss://localhost:{port}/job-channel"}})
    sidecar = _sidecar(chart, values, given, schedd, tmp_path, port)
    await sidecar.start()
    try:
        told = await _told(sidecar)
        uid = told.ticket.rpartition(".")[0]
        assert told.authorities == authority.file.read_text()
        assert told.ticket == ticket(SECRET.encode(), uid)
        assert await _dialled(told) == ""
        assert "401" in await _dialled(told._replace(ticket=ticket(b"x" * 32, uid)))
        assert "certificate" in await _dialled(told._replace(authorities="")), "a worker node knows no such authority"
    finally:
        await sidecar.stop()


async def test_behind_an_ingress_that_ended_tls(chart: Chart, schedd: FakeSchedd, tmp_path: Path) -> None:
    port = free_port()
    sidecar = _sidecar(chart, INGRESS, {}, schedd, tmp_path, port)
    await sidecar.start()
    try:
        told = await _told(sidecar)
        assert (told.url, told.authorities) == (
            INGRESS["channel"]["url"],
            INGRESS["channel"]["authorities"]["certificates"],
        )
        url = f"http://127.0.0.1:{port}/job-channel/site-schedd"
        headers = {"Authorization": f"Bearer {told.ticket}"}
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(url, headers=headers, protocols=(SUBPROTOCOL,))
            await socket.close()
        assert socket.protocol == SUBPROTOCOL
    finally:
        await sidecar.stop()


async def test_the_secret_that_the_sidecar_makes_outlives_its_pod(
    chart: Chart, schedd: FakeSchedd, tmp_path: Path
) -> None:
    sidecar = _sidecar(chart, INGRESS, {}, schedd, tmp_path, free_port())
    await sidecar.start()
    told = await _told(sidecar)
    await sidecar.stop()
    successor = _sidecar(chart, INGRESS, {}, schedd, tmp_path, free_port())
    await successor.start()
    await successor.stop()
    secret = (successor.settings.data / "channel.secret").read_bytes()
    assert told.ticket == ticket(secret, told.ticket.rpartition(".")[0])


async def _told(sidecar: Sidecar) -> plan.Channel:
    """What a new pod's job is told of the channel, in its payload."""
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    (job,) = sidecar.schedd.of(uid)
    with tarfile.open(fileobj=io.BytesIO(job.payload)) as archive:
        found = archive.extractfile(plan.PLAN_FILE)
        assert found is not None
        channel = plan.decode(found.read()).channel
    assert channel is not None
    return channel


async def _dialled(told: plan.Channel) -> str:
    """What keeps a job from the channel that dials as it is told; empty where nothing does."""
    try:
        socket = await asyncio.to_thread(
            connect, told.url, f"Bearer {told.ticket}", SUBPROTOCOL, told.authorities, TEXT_LIMIT, 5.0
        )
    except Broken as broken:
        return str(broken)
    await asyncio.to_thread(socket.close)
    return ""


def _sidecar(chart: Chart, values: Values, given: Given, schedd: FakeSchedd, folder: Path, port: int) -> Sidecar:
    """A sidecar with the chart's section `channel`, at a port of this machine, and the files that its container mounts."""
    objects = chart.render(values)
    (edge,) = [workload for workload in workloads(objects) if workload.object["kind"] == "StatefulSet"]
    mount(objects, edge, "condor-sidecar", given, folder)
    _set_modes(edge, folder)
    text = one(objects, "ConfigMap", "-edge")["data"]["condor-sidecar.yaml"]
    text = text.replace("/etc/highrate", f"{folder}/etc/highrate").replace("0.0.0.0:8444", f"127.0.0.1:{port}")
    return Sidecar(folder, schedd, settings_in(folder, channel=yaml.safe_load(text)["channel"]))


def _set_modes(edge: Workload, folder: Path) -> None:
    """As the kubelet does: what holds a secret is refused where others can read it."""
    for volume in edge.pod["volumes"]:
        place = edge.mounts("condor-sidecar").get(volume["name"])
        if place is not None and "secret" in volume:
            for file in (folder / place.lstrip("/")).glob("*"):
                file.chmod(volume["secret"]["defaultMode"])
