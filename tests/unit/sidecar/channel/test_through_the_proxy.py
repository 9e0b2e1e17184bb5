"""The whole way at a site: a supervisor dials the edge, whose proxy lets it through by its ticket to a sidecar behind a socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from condor_sidecar.core.ticket import ticket
from condor_sidecar.job.supervisor.channel_protocol import SUBPROTOCOL, TEXT_LIMIT
from condor_sidecar.job.supervisor.websocket import Broken, connect
from interlink.protocol.exec import STDOUT
from oauth2_proxy.app import create_app
from oauth2_proxy.model.settings import Settings
from service_runtime.listen import Listen, serve_app
from service_runtime.tls import TlsFiles

from tests.fakes.issuer import FakeIssuer, running
from tests.fakes.plugin_client import until
from tests.unit.sidecar.channel.conftest import Site
from tests.unit.sidecar.channel.test_commands_and_updates import command, log_is, update, with_a_volume
from tests.unit.sidecar.channel.test_states_and_logs_come_at_once import follow, gate
from tests.unit.sidecar.supervisor.jobs import shell


@pytest.fixture
async def edge(site: Site, certificates: tuple[TlsFiles, object]) -> AsyncIterator[Site]:
    """The site, whose sidecar is behind a proxy."""
    await site.sidecar.stop()
    channel = f"unix://{site.folder}/channel.sock"
    await site.make(channel={"listen": channel, "tls": None}).start()
    async with running(FakeIssuer()) as issuer:
        trusted = {"issuer": issuer.url, "audiences": ["edge"], "allow": [{"groups": ["/highrate/edge"]}]}
        settings = Settings.model_validate(
            {
                "listen": f"https://127.0.0.1:{site.cutter.target}",
                "tls": {"cert": certificates[0].cert, "key": certificates[0].key},
                "upstream": f"unix://{site.sidecar.socket}",
                "issuers": [trusted],
                "job_channel": {"upstream": channel},
            }
        )
        async with serve_app(create_app(settings), Listen.parse(settings.listen), settings.tls, drain_seconds=0.1):
            yield site


async def test_all_that_a_channel_carries_passes(edge: Site) -> None:
    uid, job, wanted = await with_a_volume(edge)
    assert (await update(edge, wanted, "new"))[0] == 200
    await log_is(edge, uid, "old\nnew\n")
    typed = b"x" * 2_000_000
    written, status = await command(edge, uid, "/bin/cat", given=typed)
    assert written[STDOUT] == typed and status["status"] == "Success"
    assert "Retrieve" not in edge.schedd.log, "the schedd was not asked"
    job.send()
    await asyncio.to_thread(job.end)
    edge.schedd.drop(uid, "via condor_rm (by user root)")
    await edge.sidecar.wait_for(uid, "terminated")


async def test_a_follower_goes_on_after_cuts(edge: Site) -> None:
    uid = await edge.pod()
    script = f"for i in 1 2 3; do {gate(edge.folder, '$i')}; echo line $i; done; {gate(edge.folder, 'end')}"
    edge.job(uid, shell("c", script)).start()
    lines: list[str] = []
    following = asyncio.create_task(follow(edge, uid, lines))
    for number in (1, 2, 3):
        (edge.folder / str(number)).touch()
        await until(lambda number=number: len(lines) == number, f"line {number}", 30)  # type: ignore[misc]
        if number < 3:  # a job whose connection is cut as its pod ends is heard of by the schedd
            edge.cutter.cut()
    (edge.folder / "end").touch()
    await following
    assert lines == ["line 1\n", "line 2\n", "line 3\n"]


async def test_the_sidecar_s_words_for_a_refusal_reach_the_job(edge: Site) -> None:
    secret = (edge.folder / "data" / "channel.secret").read_bytes()
    stranger = "00000000-0000-4000-8000-000000000000"
    channel = edge.sidecar.settings.channel
    assert channel is not None and channel.authorities is not None
    for shown, words in (
        (ticket(secret, stranger), "refused: 404 Not Found: the pod is not known here"),
        ("nonsense", "refused: 401 Unauthorized: the job channel needs the ticket of a pod"),
    ):
        with pytest.raises(Broken, match=words):
            await asyncio.to_thread(
                connect,
                channel.url,
                f"Bearer {shown}",
                SUBPROTOCOL,
                channel.authorities.read_text(),
                TEXT_LIMIT,
                20.0,
            )
