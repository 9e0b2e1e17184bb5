"""The service as it is run: a process with its file, its metrics and its log, until it is told to stop."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import yaml
from prometheus_client import REGISTRY
from pydantic import BaseModel
from relay import metrics
from relay.model.refusal import Outcome
from relay.model.settings import Settings
from service_runtime.settings import SettingsError, parse_settings
from service_runtime.tls import TlsFiles

from tests.fakes.relay_member import Process, eventually, process
from tests.unit.relay.conftest import SECONDS, Hands

PAGE = (Path(__file__).parents[3] / "docs/configuration/relay.md").read_text()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Process]:
    with process(tmp_path) as made:
        yield made


async def observed(running: Process, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{running.metrics}{path}") as response:
        return response.status, await response.text()


async def test_it_counts_what_it_does_and_drains_when_it_is_told_to_stop(running: Process) -> None:
    async with aiohttp.ClientSession() as session:
        hands = Hands(running.member, session, [])
        assert await observed(running, "/readyz") == (200, "ok\n")
        async with hands.listening() as control:
            dialled, accepted = await hands.stream(control)
            await dialled.send(b"x" * 1000)
            await accepted.read(1000)
            assert (await hands.get("/v1/dial/w2", hands.member.ticket("dial"))).status == 404
            _, text = await observed(running, "/metrics")
            for line in (
                "relay_listeners 1.0",
                "relay_streams 1.0",
                'relay_passed_bytes_total{to="listener"} 1000.0',
                'relay_calls_total{outcome="unknown_id"} 1.0',
                'relay_ticket_checks_total{result="ok"} 4.0',
            ):
                assert line in text
            running.send(signal.SIGTERM)
            await control.receive(timeout=SECONDS)
            assert (await observed(running, "/readyz")) == (503, "draining\n")
            await accepted.send(b"goes on")
            assert await dialled.read(7) == b"goes on"
            dialled.writer.close()
            assert running.running is not None
            await eventually(lambda: running.running.poll() is not None, "it ends when the last stream has")
            assert running.running.returncode == 0


async def test_streams_that_never_end_do_not_keep_it(running: Process) -> None:
    """A second signal stands for the end of the time that it has."""
    async with aiohttp.ClientSession() as session:
        hands = Hands(running.member, session, [])
        async with hands.listening() as control:
            dialled, _ = await hands.stream(control)
            running.send(signal.SIGTERM)
            await eventually(lambda: "service.stopping" in running.log(), "it is stopping")
            running.send(signal.SIGTERM)
            assert await dialled.rest() == b""
    await asyncio.to_thread(running.running.wait, SECONDS)  # type: ignore[union-attr]


WHOLE = {"listen": "127.0.0.1:0", "metrics": "127.0.0.1:0", "url": "https://a.test", "keys_file": "/nowhere/keys.pem"}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"url": "http://relay.example.org"}, r"url: .* must be https"),
        ({"url": "https://relay.example.org?x=1"}, r"url: .* has a query"),
        ({"listen": "8443"}, r"listen: .* is no address"),
        ({"trusted_proxies": ["10.0.0.0/33"]}, "is no network"),
        ({"limits": {"streams": 1}}, r"limits\.streams: unknown key"),
        ({"deadlines": {"ping": 0}}, r"deadlines\.ping: "),
    ],
)
def test_a_configuration_that_can_t_be_used(broken: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_settings(Settings, {**WHOLE, **broken}, "test")


def test_files_that_are_not_there_stop_the_start_with_all_their_names(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({**WHOLE, "tls": {"cert": "/nowhere/tls.crt", "key": "/nowhere/tls.key"}}))
    run = subprocess.run(
        [sys.executable, "-m", "relay", "--config", str(config)], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 1
    for words in ("keys_file: there is no file /nowhere/keys.pem", "tls.key: there is no file /nowhere/tls.key"):
        assert words in run.stderr


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not TlsFiles:
            yield from keys(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_page_has_every_key_with_its_default() -> None:
    rows = [line.split("|") for line in PAGE.splitlines() if line.startswith("| `") and line.count("|") == 4]
    documented = {key: row[2].strip() for row in rows for key in re.findall(r"`([a-z_.]+)`", row[1])}
    assert documented.keys() == set(keys(Settings))
    for key, default in documented.items():
        field = Settings.model_fields[key.split(".")[0]]
        value = getattr(field.default, key.split(".")[1]) if "." in key else field.default
        if default.startswith("`"):
            assert default == f"`{value:g}`" if isinstance(value, float) else default == f"`{value}`", key
        else:
            assert default == ("required" if field.is_required() else "none"), key


def test_the_page_has_every_code_with_its_status() -> None:
    rows = [line.split("|") for line in PAGE.splitlines() if re.match(r"\| \d{3} ", line)]
    documented = {(int(row[1]), code) for row in rows for code in re.findall(r"`([a-z_]+)`", row[2])}
    unseen = {Outcome.OK, Outcome.ABANDONED}
    assert documented == {(outcome.status, outcome) for outcome in Outcome if outcome not in unseen}


def test_the_page_has_every_metric() -> None:
    assert metrics.calls
    ours = {metric.name: metric.type for metric in REGISTRY.collect() if metric.name.startswith("relay_")}
    named = {name + "_total" if kind == "counter" else name for name, kind in ours.items()}
    assert named == set(re.findall(r"`(relay_[a-z_]+)", PAGE.split("## Metrics")[1]))


def test_the_example_is_a_configuration() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert parse_settings(Settings, yaml.safe_load(example[1]), "example").url == "https://hub.example.org/relay/0"
