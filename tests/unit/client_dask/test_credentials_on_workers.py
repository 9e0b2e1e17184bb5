"""The session's credentials are on the workers, fresh, for nobody else to read, and gone in the end."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from distributed import Client, Nanny, Scheduler, Worker
from highrate.dask import OffloadCluster, new_cluster
from highrate.dask.credential_keeper import CredentialKeeper, of_session
from highrate.dask.credentials import NAME, Credential, CredentialFiles, NotEncrypted, refuse_plain
from highrate.tokens import token_file
from highrate.tokens.answer import Granted

from tests.unit.client_dask.conftest import Platform

SECONDS = 15.0


def grant(place: Path, token: str, life: float = 600.0) -> None:
    token_file.write(place, Granted(token, "profile", "scope", "audience", time.time() + life))


def on(worker: Worker, name: str) -> Path:
    return Path(worker.local_directory) / "credentials" / name


async def becomes(place: Path, content: str | None) -> None:
    async with asyncio.timeout(SECONDS):
        while (place.read_text() if place.exists() else None) != content:
            await asyncio.sleep(0.02)


async def test_a_worker_gets_token_and_proxy_before_its_first_task(platform: Platform, session: Path) -> None:
    grant(session / "bt_u1000", "the-token")
    (session / "x509up_u1000").write_text("the-proxy")
    async with OffloadCluster(asynchronous=True) as cluster:
        client = await cluster.get_client(set_as_default=False)
        async with platform.worker("late") as worker:
            places = await client.submit(lambda: [os.environ["BEARER_TOKEN_FILE"], os.environ["X509_USER_PROXY"]])
            assert [Path(place).read_text() for place in places] == ["the-token", "the-proxy"]
            assert [oct(Path(place).stat().st_mode & 0o777) for place in places] == ["0o600", "0o600"]
            assert all(Path(place).is_relative_to(worker.local_directory) for place in places)
        assert not any(Path(place).exists() for place in places)
    # a worker in this process: what it set, it took back
    assert os.environ["BEARER_TOKEN_FILE"] == str(session / "bt_u1000")
    assert (session / "bt_u1000").read_text() == "the-token"


async def test_the_side_panels_cluster_brings_them_though_its_notebooks_do_not(
    platform: Platform, session: Path
) -> None:
    grant(session / "bt_u1000", "the-token")
    async with new_cluster(asynchronous=True) as cluster, platform.worker("w") as worker:
        assert on(worker, "bearer_token_file").read_text() == "the-token"
        async with Client(cluster.scheduler_address, asynchronous=True, set_as_default=False) as client:
            assert await client.submit(lambda: Path(os.environ["BEARER_TOKEN_FILE"]).read_text()) == "the-token"


async def test_a_worker_in_a_process_of_its_own_removes_them_when_its_nanny_ends_it(
    platform: Platform, session: Path, tmp_path: Path
) -> None:
    grant(session / "bt_u1000", "the-token")
    platform.service.count += 1
    async with OffloadCluster(asynchronous=True) as cluster:
        client = await cluster.get_client(set_as_default=False)
        async with Nanny(
            platform.scheduler.address, nthreads=1, security=platform.security, local_directory=str(tmp_path)
        ) as nanny:
            place = Path(await client.submit(os.getenv, "BEARER_TOKEN_FILE", pure=False))
            assert (place.read_text(), oct(place.stat().st_mode)) == ("the-token", "0o100600")
            await nanny.kill()
            assert not place.exists()


async def test_in_a_pod_the_file_is_where_the_pods_variable_says(
    platform: Platform, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(session / "bt_u1000", "the-token")
    async with OffloadCluster(asynchronous=True) as cluster:
        await cluster.get_client(set_as_default=False)
        place = tmp_path / "bt_of_the_pod"
        monkeypatch.setenv("DASK_GATEWAY_CLUSTER_NAME", "c")
        monkeypatch.setenv("BEARER_TOKEN_FILE", str(place))
        async with platform.worker("w"):
            assert place.read_text() == "the-token"
        assert not place.exists()


async def test_a_renewed_token_replaces_the_old_one_and_a_lost_proxy_is_lost_there(
    platform: Platform, session: Path
) -> None:
    grant(session / "bt_u1000", "first")
    (session / "x509up_u1000").write_text("the-proxy")
    async with platform.worker("w") as worker, client_of(platform) as client:
        keeper = CredentialKeeper(client, dict(os.environ), every=0.05)  # the worker changes this process's own
        await keeper.start()
        await becomes(on(worker, "bearer_token_file"), "first")
        grant(session / "bt_u1000", "second")
        (session / "x509up_u1000").unlink()
        await becomes(on(worker, "bearer_token_file"), "second")
        await becomes(on(worker, "x509_user_proxy"), None)
        assert on(worker, "bearer_token_file").read_text() == "second"
        await keeper.stop()
        await becomes(on(worker, "bearer_token_file"), None)


def client_of(platform: Platform) -> Client:
    return Client(platform.scheduler.address, security=platform.security, asynchronous=True, set_as_default=False)


async def test_while_one_plugin_follows_another_there_always_is_a_file(platform: Platform) -> None:
    seen = set()
    async with platform.worker("w") as worker, client_of(platform) as client:
        await client.register_plugin(CredentialFiles(Credential("BEARER_TOKEN_FILE", b"same")))
        place = on(worker, "bearer_token_file")
        for _ in range(3):
            await client.register_plugin(CredentialFiles(Credential("BEARER_TOKEN_FILE", b"same")))
            seen.add(place.read_text())
        await asyncio.sleep(1.2)  # the predecessors' time to remove
        assert place.read_text() == "same"
    assert seen == {"same"}


async def test_a_token_that_expires_on_a_worker_is_removed(platform: Platform) -> None:
    async with platform.worker("w") as worker, client_of(platform) as client:
        brief = Credential("BEARER_TOKEN_FILE", b"brief", time.time() + 0.3)
        old = Credential("X509_USER_PROXY", b"old", time.time() - 1)
        await client.register_plugin(CredentialFiles(brief, old))
        assert not on(worker, "x509_user_proxy").exists()
        await becomes(on(worker, "bearer_token_file"), None)


async def test_a_scheduler_that_does_not_take_them_is_tried_again(
    platform: Platform, session: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(session / "bt_u1000", "the-token")
    async with platform.worker("w") as worker, client_of(platform) as client:
        with monkeypatch.context() as broken:

            def full(*_: object) -> None:
                raise OSError(28, "No space left on device")

            broken.setattr("highrate.private_file.replace", full)
            keeper = CredentialKeeper(client, dict(os.environ), every=0.05)
            await keeper.start()
            assert "can't be brought to the workers now" in caplog.text
            assert "the-token" not in caplog.text
        await becomes(on(worker, "bearer_token_file"), "the-token")
        await keeper.stop()


async def test_without_tls_nothing_is_sent(session: Path, tmp_path: Path) -> None:
    grant(session / "bt_u1000", "the-token")
    async with (
        Scheduler(protocol="tcp", host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler,
        Worker(scheduler.address, local_directory=str(tmp_path), dashboard=False) as worker,
        Client(scheduler.address, asynchronous=True, set_as_default=False) as client,
    ):
        with pytest.raises(NotEncrypted, match="reached without TLS"):
            await CredentialKeeper(client).start()
        assert NAME not in scheduler.worker_plugins
        assert not on(worker, "bearer_token_file").exists()
        with pytest.raises(NotEncrypted):
            await client.register_plugin(CredentialFiles(Credential("BEARER_TOKEN_FILE", b"x")))


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:1", "inproc://a/b", "ws://host/x", "10.0.0.1:1", ""])
def test_addresses_without_tls(address: str) -> None:
    with pytest.raises(NotEncrypted):
        refuse_plain("tls://10.0.0.1:1", address)


def test_addresses_with_tls() -> None:
    refuse_plain("tls://10.0.0.1:1", "gateway://h:1/c", "relay://w1@na/10.0.0.2:1", "relay://w2", "offload://c")


def test_a_credential_does_not_show_where_it_is_printed() -> None:
    secret = Credential("BEARER_TOKEN_FILE", b"the-secret")
    assert "the-secret" not in f"{secret!r} {CredentialFiles(secret)!r} {vars(CredentialFiles(secret))!r}"


def test_what_a_session_has(tmp_path: Path) -> None:
    environ = {"BEARER_TOKEN_FILE": str(tmp_path / "bt"), "X509_USER_PROXY": str(tmp_path / "proxy")}
    assert of_session(environ) == ()
    grant(tmp_path / "bt", "t")
    (tmp_path / "proxy").write_bytes(b"")  # as a program leaves it that was ended
    found = of_session(environ)
    assert [(c.variable, c.content) for c in found] == [("BEARER_TOKEN_FILE", b"t")]
    expires = json.loads((tmp_path / "bt.json").read_text())["expires_at"]
    assert found[0].expires_at == expires
    (tmp_path / "proxy").write_bytes(b"x" * (300 * 1024))
    assert len(of_session(environ)) == 1
