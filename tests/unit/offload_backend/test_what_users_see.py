"""The routes beside dask-gateway's own: who may ask, what is told, and how limits reach the user."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from offload_backend.app import last_words
from offload_backend.cli import _is_worth_a_line
from offload_backend.core import names, places

from tests.fakes.cluster_api import ClusterApi, Object
from tests.unit.offload_backend.conftest import Gateway, until
from tests.unit.offload_backend.facts import FAR, RELAY
from tests.unit.offload_backend.test_fates import HELD, ended, waiting

Start = Callable[..., Awaitable[Gateway]]
PATHS = ["workers", "capacity", "workers/w1/logs", "scheduler/logs"]


def relay(folder: Path) -> dict[str, object]:
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "relay.pem"
    file.write_bytes(key.private_bytes(*form))
    return {**RELAY, "signing_key_file": str(file)}


def site_node(**amounts: str) -> Object:
    return {"metadata": {"name": "far-node"}, "status": {"allocatable": amounts, "conditions": []}}


@pytest.mark.parametrize("path", PATHS)
async def test_a_cluster_is_shown_to_its_user_alone(start: Start, path: str) -> None:
    gateway = await start()
    name = await gateway.make()
    status, told = await gateway.ask("GET", f"clusters/{name}/{path}", "mario")
    assert (status, told) == (403, {"error": f"The cluster {name} is not yours."})
    status, _ = await gateway._send("GET", f"clusters/{name}/{path}", {}, {})
    assert status == 401
    status, told = await gateway.ask("GET", f"clusters/none/{path}")
    assert (status, "There is no cluster none" in told["error"]) == (404, True)


async def test_where_the_relay_is(start: Start, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM")
    gateway = await start(relay={**relay(tmp_path), "ca_file": str(tmp_path / "ca.crt")})
    told = {"members": RELAY["members"], "authorities": "PEM"}
    assert await gateway.ask("GET", "relay") == (200, told)
    assert (await gateway._send("GET", "relay", {}, {}))[0] == 401


async def test_without_a_relay_there_are_no_members(start: Start) -> None:
    assert await (await start()).ask("GET", "relay") == (200, {"members": [], "authorities": None})


async def test_a_scheduler_asks_for_room_with_its_own_clusters_token(start: Start) -> None:
    gateway = await start()
    mine, other = await gateway.make(), await gateway.make()
    headers = {"Authorization": f"token {gateway.cluster(mine).token}"}
    assert (await gateway._send("GET", f"clusters/{mine}/capacity", headers, {}))[0] == 200
    assert (await gateway._send("GET", f"clusters/{other}/capacity", headers, {}))[0] == 401
    assert (await gateway._send("GET", f"clusters/{mine}/workers", headers, {}))[0] == 401


async def test_the_room_of_a_site_is_its_nodes_less_what_other_clusters_want(
    start: Start, api: ClusterApi, tmp_path: Path
) -> None:
    api.nodes["far-node"] = site_node(cpu="40", memory="1Ti", pods="1k")
    gateway = await start(relay=relay(tmp_path), sites={"local": {}, "far": FAR})
    mine, others = await gateway.make(site="far", worker_cores=4), await gateway.make("mario", site="far")
    await gateway.scaled(others, 5)
    (pod,) = await gateway.scaled(mine, 1)
    await gateway.report(mine, 1, active=[names.label(pod, names.WORKER_LABEL)])
    _, room = await gateway.ask("GET", f"clusters/{mine}/capacity")
    del room["reason"]
    assert room == {
        "site": "far",
        "requested": 1,
        "connected": 1,
        "pending": 0,
        "allowed": 100,
        "fits": 7,
        "unreachable": None,
        "maximum": 7,
    }


async def test_a_job_that_is_held_says_why(start: Start, api: ClusterApi, tmp_path: Path) -> None:
    gateway = await start(relay=relay(tmp_path), sites={"local": {}, "far": FAR})
    name = await gateway.make(site="far")
    (pod,) = await gateway.scaled(name, 1)
    state = [{"name": "dask", "state": waiting("JobHeld", HELD)}]
    await api.become(pod["metadata"]["name"], "Pending", containerStatuses=state)

    async def told() -> Object:
        _, page = await gateway.ask("GET", f"clusters/{name}/workers")
        row: Object = page["workers"][0]
        return row

    async with asyncio.timeout(10):
        while (row := await told())["reason"] != "JobHeld":
            await asyncio.sleep(0.01)
    assert (row["state"], row["site"], row["message"]) == ("waiting", "far", HELD)


async def test_a_pod_whose_status_is_silent_is_explained_by_a_warning(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    event = {
        "metadata": {"name": "e1"},
        "involvedObject": {"uid": pod["metadata"]["uid"]},
        "reason": "FailedMount",
        "message": "claim cvmfs not found",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    api.objects["events"]["e1"] = event
    _, page = await gateway.ask("GET", f"clusters/{name}/workers")
    assert page["workers"][0]["message"] == "FailedMount: claim cvmfs not found"


async def test_logs_are_the_last_lines_and_no_more_than_asked_for(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    (pod,) = await gateway.scaled(name, 1)
    worker = names.label(pod, names.WORKER_LABEL)
    api.log = b"".join(b"%d\n" % n for n in range(5000))
    _, log = await gateway.ask("GET", f"clusters/{name}/workers/{worker}/logs?lines=2")
    assert log == {"log": "4998\n4999\n", "source": "pod"}
    _, log = await gateway.ask("GET", f"clusters/{name}/scheduler/logs")
    assert len(log["log"].splitlines()) == 50
    api.log = b"x" * 5_000_000
    _, log = await gateway.ask("GET", f"clusters/{name}/workers/{worker}/logs?lines=1")
    assert len(log["log"]) <= 256 * 1024
    for wrong in ("0", "1001", "-1", "ten", "%C2%B2", ""):
        assert (await gateway.ask("GET", f"clusters/{name}/workers/{worker}/logs?lines={wrong}"))[0] == 422
    assert (await gateway.ask("GET", f"clusters/{name}/workers/none/logs"))[0] == 404


async def test_logs_of_an_api_server_that_is_away_are_asked_for_again(start: Start, api: ClusterApi) -> None:
    gateway = await start()
    name = await gateway.make()
    api.away = True
    status, told = await gateway.ask("GET", f"clusters/{name}/scheduler/logs")
    assert status == 503
    assert told["error"].startswith("The log can't be read now:")


async def test_only_the_latest_logs_of_failed_workers_are_kept(
    start: Start, api: ClusterApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_words, "LOGS_OF_A_CLUSTER", 2)
    gateway = await start(timing={"worker_failures": 50})
    name = await gateway.make()
    pods = await gateway.scaled(name, 4)
    for pod in pods:
        state = [{"name": "dask", "state": ended(1)}]
        await api.become(pod["metadata"]["name"], "Failed", containerStatuses=state)
        worker = gateway.cluster(name).workers[names.label(pod, names.WORKER_LABEL)]
        await until(lambda w=worker: w.stop_time)  # type: ignore[misc]
    workers = gateway.cluster(name).workers
    having = [bool(workers[names.label(pod, names.WORKER_LABEL)].state.get("log")) for pod in pods]
    assert sum(having) == 2
    assert having[-1]


async def test_one_more_cluster_than_one_may_have_is_refused(start: Start) -> None:
    gateway = await start(limits={"clusters": 1})
    await gateway.make()
    status, told = await gateway.ask("POST", "clusters/", cluster_options={})
    assert status == 422
    assert told["error"].startswith("You may have a cluster at the same time")
    await gateway.make("mario")


async def test_options_that_cant_be_had_are_refused_in_a_sentence(start: Start) -> None:
    gateway = await start()
    status, told = await gateway.ask("POST", "clusters/", cluster_options={"colour": "red", "worker_cores": 99})
    assert status == 422
    assert told["error"].startswith("There is no option 'colour'; there are: image,")
    assert "worker_cores is 99; you may have 1 to 8." in told["error"]


async def test_limits_hold_over_all_clusters_of_a_user(start: Start) -> None:
    gateway = await start(limits={"workers": 5})
    first, second = await gateway.make(), await gateway.make()
    await gateway.scaled(first, 3)
    await gateway.report(second, 0)
    await until(lambda: gateway.cluster(second).status == 3)
    status, told = await gateway.ask("POST", f"clusters/{second}/scale", count=4)
    assert status == 409
    assert "5 workers, of which your other clusters have 3: this cluster can have 2 workers" in told["error"]
    await gateway.report(second, 4)
    await until(lambda: len(gateway.workers(second)) == 2)
    _, page = await gateway.ask("GET", f"clusters/{second}/workers")
    assert "can have 2 workers at most" in page["cluster"]["limited"]
    await gateway.report(first, 0)
    await until(lambda: not gateway.workers(first))
    await gateway.report(second, 4)
    await until(lambda: len(gateway.workers(second)) == 4)


async def test_a_sites_limit_holds_over_all_users(start: Start) -> None:
    gateway = await start(sites={"local": {"workers": 3}})
    mine, others = await gateway.make(), await gateway.make("mario")
    await gateway.scaled(others, 2)
    await gateway.report(mine, 0)
    await gateway.report(mine, 5)
    await until(lambda: gateway.workers(mine))
    _, page = await gateway.ask("GET", f"clusters/{mine}/workers")
    assert "takes 3 workers, of which other clusters have 2: 1 are left" in page["cluster"]["limited"]
    assert len(page["workers"]) == 1


async def test_a_scheduler_that_doesnt_answer_is_asked_again_and_not_killed(start: Start) -> None:
    gateway = await start()
    name = await gateway.make()
    await gateway.scaled(name, 1)
    status, told = await gateway.ask("POST", f"clusters/{name}/scale", count=2)
    assert (status, "doesn't answer now" in told["error"]) == (409, True)
    assert gateway.cluster(name).target == 3


async def test_a_hub_that_cant_be_asked_is_no_error_of_the_user(start: Start) -> None:
    gateway = await start(hub={"url": "http://127.0.0.1:9/hub/api"})
    status, _ = await gateway.ask("GET", "clusters/")
    assert status == 503


async def test_tickets_are_made_for_one_member_and_renewed(start: Start, api: ClusterApi, tmp_path: Path) -> None:
    gateway = await start(relay=relay(tmp_path))
    name = await gateway.make()
    before = dict(api.secrets[names.secret_name(name)]["data"])
    assert {places.LISTEN_TICKET, places.DIAL_TICKET, places.CERTIFICATE, places.KEY, places.API_TOKEN} == set(before)
    made = gateway.cluster(name).state["tickets"]
    await gateway.backend.housekeeping.renew_due(made + 99, 100)
    assert api.secrets[names.secret_name(name)]["data"] == before
    await gateway.backend.housekeeping.renew_due(made + 101, 100)
    after = api.secrets[names.secret_name(name)]["data"]
    changed = {file for file in after if after[file] != before[file]}
    assert changed == {places.LISTEN_TICKET, places.DIAL_TICKET}


async def test_nothing_secret_is_logged(start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        gateway = await start(relay=relay(tmp_path))
        name = await gateway.make(environment={"MY_SETTING": "canary-of-a-user"})
        await gateway.scaled(name, 1)
    cluster = gateway.cluster(name)
    secrets = [
        cluster.token,
        "canary-of-a-user",
        *json.loads(json.dumps(gateway.api.secrets[names.secret_name(name)]["data"])).values(),
    ]
    assert not [text for text in secrets if text in caplog.text]


@pytest.mark.parametrize(
    ("message", "level", "kept"),
    [
        ("Cluster %s heartbeat [count: %d]", logging.INFO, False),
        ("%d %s %s %.3fms", logging.INFO, False),
        ("%d %s %s %.3fms", logging.WARNING, False),
        ("%d %s %s %.3fms", logging.ERROR, True),
        ("Created cluster %s for user %s", logging.INFO, True),
    ],
)
def test_what_happens_all_the_time_is_no_line_of_the_log(message: str, level: int, kept: bool) -> None:
    record = logging.LogRecord("DaskGateway", level, "", 0, message, (), None)
    assert _is_worth_a_line(record) == kept
