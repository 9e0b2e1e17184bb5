"""`highrate doctor` finds what is wrong, says what to do, and shows no secret."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from highrate import cli
from highrate.doctor import command, credentials, packages, services, storage
from highrate.doctor.examination import examine
from highrate.doctor.finding import Finding, State, bad, doubtful, good
from highrate.tokens import token_file
from highrate.tokens.answer import Granted

from tests.fakes import dask_gateway
from tests.fakes.dask_gateway import FakeGateway

SERVICE = {"HIGHRATE_TOKENS_URL": "https://tokens.example.org", "JUPYTERHUB_API_TOKEN": "t"}


def a_token(place: Path, life: float) -> dict[str, str]:
    token_file.write(place, Granted("the-secret", "", "", "", time.time() + life))
    return {"BEARER_TOKEN_FILE": str(place), **SERVICE}


@pytest.mark.parametrize(
    ("age", "left", "state", "words"),
    [
        (0, 3600, State.GOOD, "profile default, good for 60 min more"),
        (480, 120, State.GOOD, "good for 2 min more"),
        (3500, 100, State.DOUBTFUL, "expires in"),
        (3600, -300, State.BAD, "expired 5 min ago"),
    ],
)
def test_a_token_by_the_part_of_its_life_that_is_left(
    tmp_path: Path, age: float, left: float, state: State, words: str
) -> None:
    environ = a_token(tmp_path / "bt", left)
    os.utime(tmp_path / "bt", (time.time() - age,) * 2)
    found = credentials.token(environ)
    assert (found.state, words in found.sentence) == (state, True), found


def test_tokens_that_are_missing_or_not_the_platforms(tmp_path: Path) -> None:
    nowhere = {"BEARER_TOKEN_FILE": str(tmp_path / "bt")}
    assert credentials.token(nowhere).state is State.ABSENT
    assert credentials.token({**nowhere, **SERVICE}).state is State.BAD
    assert credentials.token({**nowhere, "HIGHRATE_TOKENS_URL": "http://x"}).sentence.startswith("HIGHRATE_TOKENS_URL")
    (tmp_path / "bt").write_text("of somebody")
    assert credentials.token(nowhere).state is State.DOUBTFUL
    assert "unset BEARER_TOKEN" in credentials.token({"BEARER_TOKEN": "x"}).advice


def test_a_proxy_is_for_its_owner_and_not_from_yesterday(tmp_path: Path) -> None:
    place = tmp_path / "proxy"
    environ = {"X509_USER_PROXY": str(place)}
    assert credentials.proxy(environ).state is State.ABSENT
    place.write_text("p")
    place.chmod(0o644)
    assert credentials.proxy(environ).advice == f"chmod 600 {place}"
    place.chmod(0o600)
    assert credentials.proxy(environ).state is State.GOOD
    os.utime(place, (time.time() - 86_400,) * 2)
    assert credentials.proxy(environ).state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("gateway", "environ", "state", "words"),
    [
        (FakeGateway(), {}, State.GOOD, "and knows this session"),
        (FakeGateway(version="2024.1.0"), {}, State.DOUBTFUL, "the gateway is 2024.1.0, and dask-gateway here 2026.3"),
        (FakeGateway(), {"JUPYTERHUB_API_TOKEN": "of another"}, State.BAD, "doesn't take the session's token (401)"),
        (FakeGateway(), {"JUPYTERHUB_API_TOKEN": ""}, State.BAD, "JUPYTERHUB_API_TOKEN is not set"),
        (FakeGateway(), {"DASK_GATEWAY__ADDRESS": ""}, State.ABSENT, "no Dask gateway"),
        (FakeGateway(), {"DASK_GATEWAY__ADDRESS": "http://127.0.0.1:9"}, State.BAD, "doesn't answer"),
        (FakeGateway(), {"DASK_GATEWAY__ADDRESS": "nonsense"}, State.BAD, "doesn't answer"),
    ],
)
async def test_a_gateway(gateway: FakeGateway, environ: dict[str, str], state: State, words: str) -> None:
    async with dask_gateway.running(gateway):
        usual = {"DASK_GATEWAY__ADDRESS": f"{gateway.url}/", "JUPYTERHUB_API_TOKEN": gateway.hub_token}
        found = await asyncio.to_thread(services.gateway, {**usual, **environ})
    assert (found.state, words in found.sentence) == (state, True), found
    assert gateway.hub_token not in f"{found}"


async def test_something_else_in_the_gateways_place_and_the_ports_of_schedulers_and_relay() -> None:
    async with dask_gateway.running(FakeGateway()) as other:
        environ = {"DASK_GATEWAY__ADDRESS": f"{other.url}/else", "JUPYTERHUB_API_TOKEN": "t"}
        assert "is no gateway" in (await asyncio.to_thread(services.gateway, environ)).sentence
        for address in (other.url, other.url.removeprefix("http://")):
            way = {"DASK_GATEWAY__PROXY_ADDRESS": address}
            assert (await asyncio.to_thread(services.schedulers, way)).state is State.GOOD
    assert services.schedulers({"DASK_GATEWAY__PROXY_ADDRESS": "127.0.0.1:9"}).state is State.BAD
    assert services.schedulers({}).state is services.relay({}).state is State.ABSENT


async def test_the_relay_that_the_gateway_has() -> None:
    async with dask_gateway.running(FakeGateway()) as gateway:
        environ = {"DASK_GATEWAY__ADDRESS": gateway.url, "JUPYTERHUB_API_TOKEN": gateway.hub_token}
        assert (await asyncio.to_thread(services.relay, environ)).state is State.ABSENT
        # like a relay's member, it refuses whoever shows nothing
        gateway.relay = [gateway.url]
        assert await asyncio.to_thread(services.relay, environ) == good("1 of 1 members answer")
        gateway.relay = [gateway.url, "http://127.0.0.1:9"]
        found = await asyncio.to_thread(services.relay, environ)
        assert (found.state, "127.0.0.1:9" in found.sentence) == (State.BAD, True)
        found = await asyncio.to_thread(services.relay, {**environ, "JUPYTERHUB_API_TOKEN": "of another"})
        assert found.state is State.DOUBTFUL


def test_versions_that_are_not_those_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages.versions().state is State.GOOD
    monkeypatch.setattr(packages, "version", lambda name: "2026.80.1")
    found = packages.versions()
    assert found.state is State.BAD
    assert "distributed is 2026.80.1 and has to be 2026.8" in found.sentence


def test_packages_in_the_home_that_workers_lack(tmp_path: Path) -> None:
    assert packages.home_packages([tmp_path]).state is State.GOOD
    (tmp_path / "numpy").mkdir()
    (tmp_path / "mine").mkdir()
    found = packages.home_packages([tmp_path])
    assert (found.state, found.advice) == (State.DOUBTFUL, "pip uninstall numpy, or make an image of your own.")


def test_a_disk_is_full_nearly_full_or_not_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((50, State.GOOD), (5, State.DOUBTFUL), (1, State.BAD)):
        usage = type("Usage", (), {"total": 100 * 2**30, "free": free * 2**30})
        monkeypatch.setattr("highrate.doctor.storage.shutil.disk_usage", lambda _, usage=usage: usage)
        assert storage.disk(tmp_path, "it").state is state
    assert storage.disk(tmp_path / "not", "it").state is State.ABSENT
    found = storage.disk(Path("/proc/self"), "it")
    assert found.state is State.BAD
    assert "nothing can be written" in found.sentence


def test_cvmfs_is_looked_into(tmp_path: Path) -> None:
    assert storage.cvmfs({}, tmp_path / "not").state is State.ABSENT
    assert storage.cvmfs({}, tmp_path).state is State.ABSENT
    expected = {"X509_CERT_DIR": f"{tmp_path}/grid.cern.ch/certificates"}
    assert storage.cvmfs(expected, tmp_path).state is State.BAD
    (tmp_path / "grid.cern.ch/certificates/ca").mkdir(parents=True)
    assert storage.cvmfs(expected, tmp_path).state is State.GOOD
    assert storage.cvmfs({}, tmp_path).state is State.GOOD
    other = {"X509_CERT_DIR": f"{tmp_path}/other.example.org"}
    assert storage.cvmfs(other, tmp_path).state is State.BAD


def test_a_check_that_hangs_or_fails_is_a_finding_and_holds_up_no_other() -> None:
    never = threading.Event()

    def hangs() -> Finding:
        never.wait(20)
        return good("late")

    def fails() -> Finding:
        raise RuntimeError("no such thing")

    found = examine({"a": hangs, "b": fails, "c": lambda: good("well")}, deadline=0.3)
    never.set()
    assert list(found) == ["a", "b", "c"]
    assert found["a"].sentence == "no answer within 0.3 s"
    assert found["b"].sentence == "the check itself failed: RuntimeError: no such thing"
    assert found["c"] == good("well")


def test_the_table() -> None:
    text = command.table({"token": bad("word " * 30, "Log out."), "home": good("much room"), "x": doubtful("d", "e")})
    lines = text.splitlines()
    assert lines[0].startswith("WRONG  token  word word")
    assert all(len(line) <= 100 for line in lines)
    assert lines[2:] == [
        "              > Log out.", "ok     home   much room", "?      x      d", "              > e", "1 wrong, 1 in doubt"
    ]  # fmt: skip


@pytest.mark.parametrize(("finding", "code"), [(bad("b", "a"), 1), (doubtful("d", "a"), 0), (good("g"), 0)])
def test_the_exit_code_says_whether_something_is_wrong(
    finding: Finding, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "checks", lambda _: {"one": lambda: finding})
    assert cli.main(["doctor"]) == code
    assert finding.sentence in capsys.readouterr().out


def test_every_check_runs_outside_of_a_session_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    found = examine(command.checks({"HOME": "/nowhere"}), deadline=20)
    assert not [name for name, finding in found.items() if finding.state is State.BAD], found
