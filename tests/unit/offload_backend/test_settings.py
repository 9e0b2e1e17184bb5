"""The configuration file: everything that is wrong with it is told at once, with its key."""

from typing import Any

import pytest
from offload_backend.app.database import complete
from offload_backend.model.settings import Settings
from offload_backend.model.values import duration, seconds, size
from service_runtime.settings import SettingsError, parse_settings

from tests.unit.offload_backend.facts import CATALOGUE, FAR, RELAY, SMALLEST, WITH_SITE, settings


def test_the_smallest_file_offers_ordinary_nodes_without_a_relay() -> None:
    found = settings(SMALLEST)
    assert list(found.sites) == ["local"]
    assert found.relay is None


def test_all_problems_are_told_at_once() -> None:
    wrong = {**SMALLEST, "namespace": "No", "listen": "8001", "pods": {"user": 1}, "timing": {"idle": "soon"}}
    del wrong["api_url"]
    with pytest.raises(SettingsError) as caught:
        parse_settings(Settings, wrong, "the test")
    assert {problem.key for problem in caught.value.problems} == {
        "namespace",
        "listen",
        "pods.user",
        "timing.idle",
        "api_url",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sites": {"far": FAR, "local": {}}, "relay": None}, "sites.far is behind a virtual node"),
        ({"sites": {"local": FAR}}, "sites.local means ordinary nodes"),
        ({"sites": {"far": FAR}}, 'defaults.site is "local", which is no site for everybody; those are far'),
        ({"sites": {"local": {"groups": ["/us"]}}}, "which is no site for everybody; those are none"),
        ({"sites": {"local": {}, "far": {"node": "far-node"}}}, "wall_time: a virtual node's jobs end"),
        ({"sites": {"local": {"cvmfs": True}}}, "cvmfs: is for virtual nodes"),
        ({"sites": {"local": {}, "far": {**FAR, "reserved": 0.5}}}, "reserved: is for ordinary nodes"),
        ({"sites": {"local": {}, "far": {**FAR, "wall_time": {"default": "2m"}}}}, "less than 10 minutes"),
        ({"sites": {"local": {"wall_time": {"default": "3d", "maximum": "2d"}}}}, "more than maximum, 2d"),
        ({"sites": {"local": {"scratch": "20 GB"}}}, '"20 GB" is no size'),
        ({"defaults": {"worker_cores": 9}}, "defaults.worker_cores is more than limits.worker_cores, 8"),
        ({"relay": {**RELAY, "ticket_lifetime": "2d"}}, "must be at least twice timing.worker_start"),
        ({"relay": {**RELAY, "members": ["http://relay.test"]}}, "must be https"),
        ({"database": {"url": "sqlite://", "key_file": "/k"}}, "gone after a restart"),
        ({"database": {"key_file": "/k"}}, "give url or url_file"),
        ({"proxy": {"external": True}}, "an external proxy needs token_file and gateway_url"),
        ({"cvmfs": {"mode": "pvc"}}, "give both, or neither"),
        ({"timing": {"heartbeat_missed": "20s"}}, "too short for a scheduler that is busy"),
        ({"timing": {"idle": "0s"}}, "no time at all"),
        ({"catalogue": {"images": {"bare": {"image": "registry.test/bare:2"}}}}, "no image has offload: true"),
        ({"catalogue": {"images": {"x": {"image": "not a reference"}}}}, "is no image reference"),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(WITH_SITE, **changes)
    assert said in str(caught.value)


def test_the_catalogue_is_taken_as_it_stands_in_the_values_of_the_hub() -> None:
    """With what only the hub reads, in the hub's spelling."""
    values = {**CATALOGUE, "freeImage": {"enabled": True, "denyLatest": False}, "guarantee": {"cores": 0.1}}
    found = settings(catalogue=values).catalogue
    assert found.free_image.enabled
    assert not found.free_image.deny_latest
    assert found.images["lab"].cvmfs_path == "/cvmfs/unpacked.test/lab:1"


@pytest.mark.parametrize(
    ("text", "total"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("1d12h", 129_600), ("1h1m1s", 3661)]
)
def test_durations_are_read_and_written_alike(text: str, total: int) -> None:
    assert seconds(text) == total
    assert seconds(duration(total)) == total


@pytest.mark.parametrize("text", ["", "12", "h", "-1h", "1h 30m", "1.5h", "30m1h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize(("text", "total"), [("20Gi", 20 * 2**30), ("5G", 5 * 10**9), ("7", 7)])
def test_sizes_are_read_as_kubernetes_reads_them(text: str, total: int) -> None:
    assert size(text) == total


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("sqlite:////data/g.sqlite", "sqlite:////data/g.sqlite"),
        (
            "postgres://u:p@h/n",
            "postgresql+psycopg://u:p@h/n?connect_timeout=5&keepalives_idle=30&tcp_user_timeout=10000",
        ),
        (
            "postgresql+psycopg2://u:p@h/n?connect_timeout=1",
            "postgresql+psycopg://u:p@h/n?connect_timeout=1&keepalives_idle=30&tcp_user_timeout=10000",
        ),
    ],
)
def test_a_database_is_asked_with_the_driver_that_is_there_and_with_deadlines(written: str, used: str) -> None:
    assert complete(written) == used


@pytest.mark.parametrize("address", ["", "host/secret", "postgresql://u:secret@host:port/name"])
def test_what_is_no_database_is_told_without_the_password(address: str) -> None:
    with pytest.raises(ValueError, match="is no address of a database") as refusal:
        complete(address)
    assert "secret" not in str(refusal.value)
