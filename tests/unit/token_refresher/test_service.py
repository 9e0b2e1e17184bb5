"""The refresher as it is run: several tokens in one process, readiness and metrics, from a file, until told to stop."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from service_runtime.grants import claims_of
from service_runtime.settings import SettingsError, parse_settings
from token_refresher.app import serve
from token_refresher.model.settings import Settings

from tests.fakes.issuer import FakeIssuer, running


def token(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "secret").write_text("s3cret")
    usual = {"name": "edge", "file": str(folder / "edge"), "issuer": "https://iam.example/", "client_id": "vk"}
    return {**usual, "client_secret_file": str(folder / "secret"), **changes}


async def ready(session: aiohttp.ClientSession, port: int) -> tuple[int, str]:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
            return response.status, await response.text()
    except aiohttp.ClientConnectorError:
        return 0, ""


async def test_one_process_keeps_several_tokens_and_is_ready_when_all_are_there(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    async with running(FakeIssuer()) as good, running(FakeIssuer(token_mode="fail")) as bad:
        condor = {
            "name": "condor",
            "file": str(tmp_path / "condor"),
            "scope": "compute.read compute.create compute.modify compute.cancel",
            "audience": "https://ce.example:9618",
            "retry": {"initial": 0.1, "maximum": 0.1},
        }
        settings = parse_settings(
            Settings,
            {
                "metrics": f"127.0.0.1:{port}",
                "tokens": [token(tmp_path, issuer=good.url), token(tmp_path, issuer=bad.url, **condor)],
            },
            "test",
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as session, asyncio.timeout(10):
            tasks.create_task(serve(settings, stop))
            while not (tmp_path / "edge").exists() or (await ready(session, port))[0] != 503:
                await asyncio.sleep(0.02)
            assert "no valid token condor" in (await ready(session, port))[1]
            bad.token_mode = "ok"
            while (await ready(session, port))[0] != 200:
                await asyncio.sleep(0.02)
            claims = claims_of((tmp_path / "condor").read_text())
            assert claims is not None
            assert (claims["aud"], claims["scope"]) == (condor["audience"], condor["scope"])
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                assert 'token_refresher_expires_timestamp_seconds{name="condor"}' in await response.text()
            stop.set()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clientid": "x"}, "tokens[0].clientid: unknown key"),
        ({"issuer": None}, "either issuer"),
        ({"token_endpoint": "https://iam.example/token"}, "either issuer"),
        ({"issuer": "http://iam.example/"}, "tokens[0].issuer: "),
        ({"client_secret_file": None}, "needs client_secret_file"),
        ({"grant": "password"}, "tokens[0].grant: "),
        ({"grant": "refresh_token"}, "needs refresh_token_file"),
        ({"refresh_token_file": "/x"}, "has no refresh tokens"),
        ({"mode": 640}, "tokens[0].mode: a file mode is written in quotes"),
        ({"mode": "0999"}, "tokens[0].mode: "),
        ({"refresh_at": 1.5}, "tokens[0].refresh_at: "),
        ({"retry": {"initial": 9, "maximum": 1}}, "tokens[0].retry: "),
        ({"name": "Edge!"}, "tokens[0].name: "),
        ({"ca_file": "/no/such/file"}, "tokens[0].ca_file: "),
    ],
)
def test_each_mistake_is_named_with_its_key(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(Settings, {"tokens": [token(tmp_path, **changes)]}, "test")
    assert words in str(caught.value)


@pytest.mark.parametrize(("second", "words"), [({"file": "/b"}, "same name"), ({"name": "b"}, "same file")])
def test_two_tokens_do_not_share_a_name_or_a_file(tmp_path: Path, second: dict[str, Any], words: str) -> None:
    one = token(tmp_path)
    with pytest.raises(SettingsError, match=words):
        parse_settings(Settings, {"tokens": [one, {**one, **second}]}, "test")


@pytest.mark.parametrize(("broken", "code", "words"), [(False, 0, "is fine"), (True, 2, "tokens: required")])
def test_check_reads_the_file_and_ends(tmp_path: Path, broken: bool, code: int, words: str) -> None:
    content = {} if broken else {"tokens": [token(tmp_path)]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [sys.executable, "-m", "token_refresher", "--config", str(tmp_path / "config.yaml"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code
    assert words in done.stdout + done.stderr
