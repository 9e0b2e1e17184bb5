"""The service as it is run: a process with its file, its metrics and its log, until it is told to stop."""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.fakes.certificates import Authority
from tests.fakes.hub import FakeHub
from tests.fakes.hub import running as running_hub
from tests.fakes.issuer import FakeIssuer
from tests.fakes.issuer import Mode as IssuerMode
from tests.fakes.issuer import running as running_issuer
from tests.unit.token_service.conftest import CLIENT_SECRET, Desk, Provider, content, eventually


@dataclass
class Running(Desk):
    """A desk whose service is a process."""

    process: asyncio.subprocess.Process
    observed: str

    async def observe(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.observed}{path}") as response:
            return response.status, await response.text()

    async def raw(self, text: str) -> bytes:
        """The first line of the answer to what no client of ours would send."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        host, port = self.url.removeprefix("https://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(text.encode())
        line = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return line

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)

    def log(self) -> str:
        return (self.folder / "log").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    authority = Authority.create(tmp_path)
    tls = authority.server(tmp_path)
    port, metrics = free_port(), free_port()
    context = ssl.create_default_context(cafile=str(authority.file))
    async with (
        running_hub(FakeHub()) as hub,
        running_issuer(FakeIssuer(), tls) as issuer,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
    ):
        provider = Provider(issuer)
        issuer.reply = provider.reply
        whole = content(tmp_path, tls, hub.url, hub.service_token, issuer.url)
        whole |= {"listen": f"127.0.0.1:{port}", "metrics": f"127.0.0.1:{metrics}", "deadlines": {"provider": 3}}
        whole["issuer"]["ca_file"] = str(authority.file)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(whole))
        with (tmp_path / "log").open("wb") as log:
            command = [sys.executable, "-m", "token_service", "--log-level", "debug", "--config"]
            process = await asyncio.create_subprocess_exec(*command, str(tmp_path / "config.yaml"), stderr=log)
        made = Running(
            hub,
            issuer,
            provider,
            f"https://127.0.0.1:{port}",
            session,
            tmp_path,
            process,
            f"http://127.0.0.1:{metrics}",
        )
        try:
            await eventually(lambda: "tokens.listening" in made.log() or process.returncode is not None, "it listens")
            yield made
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_it_is_ready_gives_tokens_counts_them_and_ends(running: Running) -> None:
    assert await running.observe("/readyz") == (200, "ok\n")
    token = running.log_in("mario")
    for _ in range(2):
        assert (await running.token(token)).status == 200
    assert (await running.token("0123456789abcdef")).status == 401
    _, text = await running.observe("/metrics")
    for line in (
        'token_service_calls_total{outcome="ok"} 2.0',
        'token_service_calls_total{outcome="hub_token_refused"} 1.0',
        'token_service_tokens_total{profile="storage",source="provider"} 1.0',
        'token_service_tokens_total{profile="storage",source="cache"} 1.0',
        'token_service_hub_requests_total{status="200"} 4.0',
        'token_service_provider_requests_total{result="ok"} 1.0',
        "token_service_cached_tokens 1.0",
        "token_service_call_seconds_count 3.0",
        "token_service_calls_in_flight 0.0",
    ):
        assert line in text
    assert await running.stop() == 0
    with pytest.raises(aiohttp.ClientConnectionError):
        await running.token(token)


async def test_a_secret_that_is_gone_makes_it_unready(running: Running) -> None:
    secret = running.folder / "client-secret"
    secret.write_text(" \n")
    status, text = await running.observe("/readyz")
    assert (status, text) == (503, f"{secret} is empty\n")
    assert (await running.token(running.log_in("mario"))).error == (503, "misconfigured")
    secret.write_text(CLIENT_SECRET)
    assert (await running.observe("/readyz"))[0] == 200


async def test_a_call_under_way_is_answered_before_it_ends(running: Running) -> None:
    token = running.log_in("mario")
    running.issuer.token_mode = "hang"
    call = asyncio.create_task(running.token(token))
    await eventually(lambda: running.issuer.fetches["token"] == 1, "the provider is asked")
    running.process.send_signal(signal.SIGTERM)
    await eventually(lambda: "service.stopping" in running.log(), "it is stopping")
    assert not call.done()
    result = await asyncio.wait_for(call, 30)
    assert result.error == (503, "provider_unavailable"), "the deadline's answer, not a cut connection"
    assert await asyncio.wait_for(running.process.wait(), 30) == 0


async def test_no_token_and_no_secret_is_in_the_log_whatever_goes_wrong(running: Running) -> None:
    token = running.log_in("mario", "refresh-of-mario-canary")
    others = running.log_in("peach", "refresh-of-peach-canary")
    await running.token(token)
    await running.token(others, "compute")
    await running.get("/v1/token?profile=access-canary", token)
    for mode in ("garbage", "huge", "list", "fail", "redirect"):
        running.hub.user_mode = running.hub.users_mode = mode
        await running.token(token)
    running.hub.user_mode = running.hub.users_mode = "ok"
    provider_faults: tuple[IssuerMode, ...] = ("garbage", "fail", "redirect", "huge")
    for fault in provider_faults:
        running.issuer.token_mode = fault
        await running.token(running.log_in(f"with-{fault}"))
    running.issuer.token_mode = "ok"
    quoting = running.log_in("quoting", "refresh-of-quoting-canary")
    del running.provider.subjects["refresh-of-quoting-canary"]
    assert (await running.token(quoting)).status == 403
    running.provider.fields = {"refresh_token": "rotated-refresh-canary"}
    assert (await running.token(running.log_in("rotating"))).status == 503
    assert b" 400 " in await running.raw(f"GET /v1/token HTTP/1.1\r\nAuthorization: token {token}\x01\r\n\r\n")
    async with running.session.get(f"{running.url}/v1/token", headers={"Authorization": f"token {token}" * 3000}) as r:
        assert r.status == 400
    assert await running.stop() == 0
    log = running.log()
    kept = [*running.hub.tokens, *running.provider.made, *running.provider.subjects]
    full = [user["auth_state"]["access_token"] for user in running.hub.users.values()]
    for secret in (*kept, *full, CLIENT_SECRET, running.hub.service_token, "rotated-refresh-canary", "access-canary"):
        assert secret not in log
    for event in ("token.given", "call.refused", "provider.rotates_refresh_tokens", "[redacted]"):
        assert event in log, "what is looked through must be the log of all this"


async def test_files_that_are_not_there_stop_the_start_with_all_their_names(running: Running) -> None:
    await running.stop()
    config = yaml.safe_load((running.folder / "config.yaml").read_text())
    config["tls"]["key"] = "/nowhere/tls.key"
    config["hub"]["token_file"] = "/nowhere/token"
    (running.folder / "config.yaml").write_text(yaml.safe_dump(config))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "token_service",
        "--config",
        str(running.folder / "config.yaml"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    for words in (b"tls.key: there is no file /nowhere/tls.key", b"hub.token_file: there is no file /nowhere/token"):
        assert words in said


@pytest.mark.parametrize(("broken", "code", "words"), [(False, 0, b"is fine"), (True, 2, b"profiles: required")])
async def test_check_reads_the_file_and_ends(running: Running, broken: bool, code: int, words: bytes) -> None:
    config = yaml.safe_load((running.folder / "config.yaml").read_text())
    if broken:
        del config["profiles"]
    (running.folder / "checked.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "token_service", "--check", "--config", str(running.folder / "checked.yaml")]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, words in out + err) == (code, True)
