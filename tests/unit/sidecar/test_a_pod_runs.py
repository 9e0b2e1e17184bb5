"""From create to the end, with a schedd that does as it should."""

import asyncio
from pathlib import Path

from tests.fakes.condor_schedd import FakeSchedd, out_tar
from tests.fakes.plugin_client import log_request, pod, until
from tests.unit.sidecar.conftest import Sidecar, settings_in

LOG = b"2026-01-01T00:00:01.5Z stdout F one\n2026-01-01T00:00:02.5Z stderr F two\n"


async def test_create_is_answered_and_the_job_is_submitted(sidecar: Sidecar) -> None:
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    assert await sidecar.create(wanted) == (200, {"PodUID": uid, "PodJID": f"il-{uid}"})
    await sidecar.submitted(uid)
    (job,) = sidecar.schedd.of(uid)
    assert job.attributes["InterlinkInstance"] == "vk-test"
    assert job.attributes["InterlinkContainers"] == "m:c"
    assert job.payload
    state = await sidecar.wait_for(uid, "waiting", reason="Pending")
    assert job.job_id in state["message"]


async def test_the_old_form_of_create_is_taken(sidecar: Sidecar) -> None:
    wanted = pod()
    code, reply = await sidecar.call("POST", "/create", [{"pod": wanted, "container": [{"name": "c"}]}])
    assert (code, reply["PodUID"]) == (200, wanted["metadata"]["uid"])


async def test_asking_again_makes_no_second_job(sidecar: Sidecar) -> None:
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    replies = await asyncio.gather(*(sidecar.create(wanted) for _ in range(8)))
    assert all(reply == (200, {"PodUID": uid, "PodJID": f"il-{uid}"}) for reply in replies)
    await sidecar.submitted(uid)
    assert await sidecar.create(wanted) == replies[0]
    other = pod()
    await sidecar.create(other)
    await sidecar.submitted(other["metadata"]["uid"])
    assert len(sidecar.schedd.of(uid)) == 1


async def test_a_pod_that_can_never_run_is_rejected_with_every_reason(sidecar: Sidecar) -> None:
    wanted = pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "x"}}])
    container = wanted["spec"]["containers"][0]
    container["resources"] = {"requests": {"memory": "12Q"}}
    container["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    code, text = await sidecar.create(wanted)
    assert code == 422
    assert "12Q" in text
    assert "persistentVolumeClaim" in text
    assert await sidecar.status(wanted["metadata"]["uid"]) is None


async def test_exit_code_and_logs_come_back_and_the_job_may_go(sidecar: Sidecar) -> None:
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    sidecar.schedd.complete(uid, 42, {"out.tar": out_tar({"c": 42}, {"c": LOG})})
    state = await sidecar.wait_for(uid, "terminated")
    assert state["exitCode"] == 42
    assert await sidecar.logs(uid) == "one\ntwo\n"
    await until(lambda: not sidecar.schedd.of(uid), "the job leaves the queue")
    assert "Act" not in sidecar.schedd.log  # it left by InterlinkFetched, not by a removal


async def test_every_container_is_always_there(sidecar: Sidecar) -> None:
    wanted = pod(
        initContainers=[{"name": "i", "image": "busybox:1"}],
        containers=[{"name": n, "image": "busybox:1"} for n in ("a", "b")],
    )
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    for step in ("queued", "running", "done"):
        if step == "running":
            await sidecar.submitted(uid)
            sidecar.schedd.run(uid)
        if step == "done":
            sidecar.schedd.complete(uid, 1, {"out.tar": b"no tar at all"})
            await sidecar.wait_for(uid, "terminated", "a")
        states = await sidecar.states(uid)
        assert set(states) == {"i", "a", "b"}
        assert all(len(state) == 1 for state in states.values())
    assert all(state["terminated"]["exitCode"] == 1 for state in states.values())


async def test_follow_gives_a_running_log_and_ends_with_the_container(sidecar: Sidecar) -> None:
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.submitted(uid)
    job = sidecar.schedd.run(uid)
    state = (
        b'S {"version":1,"phase":"running","revision":1,"containers":[{"name":"c","kind":"main","state":"running"}]}\n'
    )
    job.output = {"supervisor.out": state + b"L c " + LOG.splitlines(keepends=True)[0]}
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    async with sidecar.request("GET", "/getLogs", log_request(uid, Follow=True)) as response:
        assert response.status == 200
        assert await response.content.readexactly(4) == b"one\n"
        await sidecar.wait_for(uid, "running")
        sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0}, {"c": LOG})})
        assert await response.content.read() == b"two\n"


LAST = {"exit_code": 3, "reason": "Error"}


async def test_a_restarted_container_has_two_logs_and_says_how_it_ended_before(sidecar: Sidecar) -> None:
    wanted = pod(restartPolicy="OnFailure")
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.submitted(uid)
    job = sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    record = (
        b'S {"version":1,"phase":"running","revision":1,"containers":[{"name":"c","kind":"main","state":"running",'
        b'"started":"2026-01-01T00:00:00Z","restart_count":1,"last":{"exit_code":3,"reason":"Error"}}]}\n'
    )
    one, two = LOG.splitlines(keepends=True)
    job.output = {"supervisor.out": b"L c " + one + b"R c\nL c " + two + record}
    assert await sidecar.logs(uid) == "two\n"
    assert await sidecar.logs(uid, Previous=True) == "one\n"
    more = {"restart_count": 1, "last": LAST}
    sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0}, {"c": two, "c.previous": one}, more)})
    await sidecar.wait_for(uid, "terminated")
    assert await sidecar.logs(uid) == "two\n"
    assert await sidecar.logs(uid, Previous=True) == "one\n"
    shown = await sidecar.status(uid)
    assert shown is not None
    (status,) = shown["containers"]
    assert (status["restartCount"], status["lastState"]["terminated"]["exitCode"]) == (1, 3)


async def test_the_log_of_the_run_that_ended_last(sidecar: Sidecar) -> None:
    """As under a kubelet: of the latest one while its container waits to be started again; empty where it wrote nothing."""
    wanted = pod(restartPolicy="OnFailure")
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.submitted(uid)
    job = sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    assert (await sidecar.call("GET", "/getLogs", log_request(uid, Previous=True)))[0] == 404
    record = (
        b'S {"version":1,"phase":"running","revision":%d,"containers":[{"name":"c","kind":"main",%s,'
        b'"restart_count":%d,"last":{"exit_code":3,"reason":"Error"}}]}\n'
    )
    waits = b'"state":"waiting","reason":"CrashLoopBackOff"'
    one, two = LOG.splitlines(keepends=True)
    silent = b'"state":"running","started":"2026-01-01T00:00:00Z"'
    for output, expected in (
        (b"L c " + one + record % (1, waits, 0), "one\n"),
        (b"R c\n" + record % (2, b'"state":"waiting","reason":"ContainerCreating"', 1), "one\n"),
        (b"L c " + two + record % (3, silent, 1), "one\n"),
        (record % (4, waits, 1), "two\n"),
        (record % (5, b'"state":"waiting","reason":"ErrImagePull"', 1), "two\n"),
        (b"R c\n" + record % (6, silent, 2), "two\n"),
        (b"R c\n" + record % (7, silent, 3), ""),
    ):
        job.output = {"supervisor.out": job.output.get("supervisor.out", b"") + output}
        async with asyncio.timeout(15):
            while (found := await sidecar.call("GET", "/getLogs", log_request(uid, Previous=True))) != (200, expected):
                await asyncio.sleep(0.05)
        assert found == (200, expected)
        # that brought the record, too, if it was not known before
        assert await sidecar.call("GET", "/getLogs", log_request(uid, Previous=True)) == (200, expected)


async def test_a_log_before_the_start_is_empty(sidecar: Sidecar) -> None:
    wanted = pod()
    await sidecar.create(wanted)
    assert await sidecar.logs(wanted["metadata"]["uid"]) == ""


async def test_logs_that_are_not_there(sidecar: Sidecar) -> None:
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    assert (await sidecar.call("GET", "/getLogs", log_request(uid, Previous=True)))[0] == 404
    assert (await sidecar.call("GET", "/getLogs", log_request(uid, "other")))[0] == 400
    assert (await sidecar.call("GET", "/getLogs", log_request("00000000-0000-0000-0000-000000000000")))[0] == 404


async def test_delete_removes_the_job_and_forgets_the_pod(sidecar: Sidecar) -> None:
    wanted = pod()
    uid = wanted["metadata"]["uid"]
    await sidecar.create(wanted)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    assert (await sidecar.call("POST", "/delete", wanted))[0] == 200
    await until(lambda: not sidecar.schedd.of(uid), "the job is removed")
    async with asyncio.timeout(10):
        while await sidecar.status(uid) is not None:
            await asyncio.sleep(0.02)
    assert (await sidecar.call("POST", "/delete", wanted))[0] == 200
    code, text = await sidecar.create(wanted)
    assert code == 422
    assert "deleted" in text


async def test_deleting_a_stranger_is_done(sidecar: Sidecar) -> None:
    assert (await sidecar.call("POST", "/delete", pod()))[0] == 200


async def test_ping_tells_resources_and_features(sidecar: Sidecar) -> None:
    async with sidecar.request("GET", "/status", []) as response:
        reply = await response.json()
        assert response.headers["InterLink-Features"] == "list, retry-create, stats, status-batch, update, watch"
    assert reply["resources"]["cpu"] == "1000"
    assert reply["taints"] == []


async def test_list_has_every_pod_of_the_node(sidecar: Sidecar) -> None:
    pods = [pod() for _ in range(3)]
    for wanted in pods:
        await sidecar.create(wanted)
    for wanted in pods:
        await sidecar.submitted(wanted["metadata"]["uid"])
    await sidecar.wait_for(pods[0]["metadata"]["uid"], "waiting", reason="Pending")
    code, listed = await sidecar.call("GET", "/pods?node=vk-test")
    assert code == 200
    assert {p["UID"] for p in listed} == {p["metadata"]["uid"] for p in pods}
    assert await sidecar.call("GET", "/pods?node=another") == (200, [])


async def test_the_node_may_have_another_name_than_the_instance(tmp_path: Path, schedd: FakeSchedd) -> None:
    sidecar = Sidecar(tmp_path, schedd, settings_in(tmp_path, node="site-one"))
    await sidecar.start()
    wanted = pod()
    await sidecar.create(wanted)
    await sidecar.submitted(wanted["metadata"]["uid"])
    (job,) = schedd.of(wanted["metadata"]["uid"])
    assert job.attributes["InterlinkInstance"] == "vk-test"
    assert len((await sidecar.call("GET", "/pods?node=site-one"))[1]) == 1
    assert await sidecar.call("GET", "/pods?node=vk-test") == (200, [])
    await sidecar.stop()


async def test_malformed_and_huge_bodies_are_refused(sidecar: Sidecar) -> None:
    for path, body in (("/create", b"{"), ("/create", b"[]"), ("/create", b'{"pod": {}}'), ("/delete", b"[1]")):
        code, _ = await sidecar.call("POST", path, body)
        assert 400 <= code < 500, path
    assert (await sidecar.call("GET", "/status", b"no json"))[0] == 400
    assert (await sidecar.call("POST", "/create", b"x" * (33 << 20)))[0] == 413
    assert (await sidecar.call("GET", "/status", []))[0] == 200
