"""The site misbehaves, goes away, refuses us: pods keep their state, nothing is doubled, everything comes back by itself."""

import pytest

from tests.cluster.vk.virtual_node import VirtualNode, eventually, served, text
from tests.fakes.interlink_server import Fault

UNREACHABLE = "virtual-node.interlink/unreachable"


async def test_a_refused_pod_fails_with_all_reasons(vk: VirtualNode) -> None:
    vk.site.faults["/create"] = Fault(
        422, "hostPath is not allowed here (volumes[0])\nmemory is too much (containers[0])"
    )
    await vk.start()
    await vk.create("refused")
    pod = await vk.until("refused", "Failed")
    assert pod["status"]["reason"] == "ProviderFailed"
    assert "volumes[0]" in pod["status"]["message"] and "containers[0]" in pod["status"]["message"]
    assert "memory is too much" in (await vk.event("refused", "ProviderFailed"))["message"]
    await vk.delete("refused")
    await vk.until_gone("refused")
    assert vk.site.calls["/create"] == 1


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 503])
async def test_not_now_means_pending_and_again(vk: VirtualNode, status: int) -> None:
    vk.site.faults["/create"] = Fault(status, "the schedd is down", times=2, headers={"Retry-After": "1"})
    await vk.start()
    await vk.create("patient")
    event = await vk.event("patient", "ProviderNotNow")
    assert "the schedd is down" in event["message"]
    pod = await vk.submitted("patient")
    assert pod["status"]["phase"] == "Pending"
    assert vk.site.named("patient").creates == 1


async def test_a_site_that_is_not_there_keeps_pods_pending(vk: VirtualNode) -> None:
    port = int(vk.site_url.rsplit(":", 1)[1])
    vk.site_url = "http://127.0.0.1:9"
    await vk.start()
    await vk.create("early")
    await vk.event("early", "ProviderNotNow")

    async def waits() -> str | None:
        status = (await vk.pod("early") or {})["status"]
        assert status["phase"] == "Pending"
        (container,) = status.get("containerStatuses") or [{}]
        message: str | None = container.get("state", {}).get("waiting", {}).get("message")
        return message

    assert "no connection" in await eventually(waits)
    await vk.stop()
    vk.site_url = f"http://127.0.0.1:{port}"
    await vk.start()
    await vk.submitted("early")


@pytest.mark.parametrize("features", ["status-batch, retry-create", ""])
@pytest.mark.parametrize("cut", [False, True])
async def test_a_create_without_an_answer_is_never_doubled(vk: VirtualNode, cut: bool, features: str) -> None:
    vk.site.features = features
    vk.site.faults["/create"] = Fault(500, "disk full", times=1, after=True, cut=cut)
    await vk.start()
    await vk.create("unclear")
    await vk.submitted("unclear")
    assert vk.site.named("unclear").creates == 1


async def test_a_job_of_a_create_that_something_on_the_way_put_off_goes_with_its_pod(vk: VirtualNode) -> None:
    vk.site.faults["/create"] = Fault(503, "upstream reset", times=1000, after=True)
    await vk.start()
    made = await vk.create("put-off")
    await vk.event("put-off", "ProviderNotNow")
    await vk.delete("put-off")
    await vk.until_gone("put-off")
    assert vk.site.deletes[made["metadata"]["uid"]] == 1


async def test_a_pod_that_the_site_puts_off_can_be_deleted_while_it_is_away(vk: VirtualNode) -> None:
    for path in ("/create", "/delete"):
        vk.site.faults[path] = Fault(503, "maintenance", times=1000)
    await vk.start()
    await vk.create("put-off")
    await vk.event("put-off", "ProviderNotNow")
    await vk.delete("put-off")
    await vk.until_gone("put-off")


async def test_a_create_that_was_lost_is_made_again(vk: VirtualNode) -> None:
    vk.site.faults["/create"] = Fault(500, "out of memory", times=2)
    await vk.start()
    await vk.create("lost")
    await vk.submitted("lost")
    for attempt in (2, 3):
        await vk.event("lost", "ProviderRetry", f"attempt {attempt}")
    assert vk.site.named("lost").creates == 1
    assert vk.site.calls["/create"] == 3


@pytest.mark.parametrize("unknown", ["404", "empty states"])
async def test_a_plugin_that_speaks_strangely_of_unknown_pods_gets_them_again(vk: VirtualNode, unknown: str) -> None:
    """As HTCondor's and SLURM's plugins do. Nothing was announced, so it takes a second look some time later."""
    vk.site.features = ""
    vk.site.faults["/create"] = Fault(500, "out of memory", times=1)
    await vk.start()
    made = await vk.create("strange")
    meta = made["metadata"]
    if unknown == "404":
        vk.site.faults["/status"] = Fault(404, "no such job")
    else:
        nothing = {
            "name": "strange",
            "UID": meta["uid"],
            "namespace": vk.namespace,
            "containers": [{"name": "main", "state": {}}],
        }
        vk.site.faults["/status"] = Fault(200, text([nothing]))
    await vk.submitted("strange")
    assert vk.site.named("strange").creates == 1


async def test_status_errors_change_nothing(vk: VirtualNode) -> None:
    await vk.start()
    await vk.create("steady")
    await vk.submitted("steady")
    vk.site.running()
    await vk.until("steady", "Running")
    for fault in (Fault(500, "boom"), Fault(200, "not json"), Fault(200, "null"), Fault(404), Fault(500, cut=True)):
        vk.site.faults["/status"] = fault
        before = vk.site.calls["/status"]

        async def asked(before: int = before) -> bool:
            return vk.site.calls["/status"] > before + 1

        await eventually(asked)
        pod = await vk.pod("steady")
        assert pod is not None and pod["status"]["phase"] == "Running"
    vk.site.faults.clear()
    vk.site.ended()
    await vk.until("steady", "Succeeded")


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [(401, "Unauthorized", "401"), (403, "Forbidden", "403"), (500, "Unreachable", "no schedd")],
)
async def test_the_node_shows_why_the_site_is_away_and_recovers(
    vk: VirtualNode, status: int, reason: str, words: str
) -> None:
    await vk.start()
    await vk.create("lucky")
    await vk.submitted("lucky")
    vk.site.running()
    await vk.until("lucky", "Running")
    vk.site.faults["*"] = Fault(status, "no schedd")

    async def away() -> bool:
        node = await vk.node()
        condition = vk.condition(node, "InterlinkConnectivity")
        return condition["status"] == "False" and condition["reason"] == reason and words in condition["message"]

    await eventually(away)
    node = await vk.node()
    assert {"key": UNREACHABLE, "value": reason, "effect": "NoSchedule"} in node["spec"]["taints"]
    assert vk.condition(node, "Ready")["status"] == "True"
    await vk.event(vk.name, f"Interlink{reason}")
    pod = await vk.pod("lucky")
    assert pod is not None and pod["status"]["phase"] == "Running"
    await vk.create("waits")
    await vk.event("waits", "ProviderNotNow" if status != 500 else "ProviderLostTrack")
    vk.site.faults.clear()
    await vk.submitted("waits")

    async def back() -> bool:
        node = await vk.node()
        untainted = all(taint["key"] != UNREACHABLE for taint in node["spec"]["taints"])
        return vk.condition(node, "InterlinkConnectivity")["status"] == "True" and untainted

    await eventually(back)


async def test_a_delete_is_repeated_until_the_site_takes_it(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("sticky")
    await vk.submitted("sticky")
    vk.site.faults["/delete"] = Fault(503, "busy", times=2, headers={"Retry-After": "1"})
    await vk.delete("sticky")
    await vk.event("sticky", "ProviderDeleteFailed")
    assert await vk.pod("sticky") is not None
    await vk.until_gone("sticky")
    assert vk.site.deletes[made["metadata"]["uid"]] == 1


async def test_a_pod_that_hangs_at_the_site_holds_up_no_other(vk: VirtualNode) -> None:
    """A create that gets no answer must not stop states from being written."""
    await vk.start()
    await vk.create("first")
    await vk.submitted("first")
    vk.site.latency = 3.0
    await vk.create("second")
    vk.site.latency = 0.0
    vk.site.running()
    await vk.until("first", "Running")


async def test_a_server_that_is_restarted_is_found_again(vk: VirtualNode) -> None:
    """The same port answers later; the node never learns more than that nobody answered for a while."""
    vk.site_url = "http://127.0.0.1:9"
    async with served(vk.site) as url:
        port = int(url.rsplit(":", 1)[1])
    vk.site_url = f"http://127.0.0.1:{port}"
    await vk.start()
    await vk.create("later")
    await vk.event("later", "ProviderNotNow")
    async with served(vk.site, port):
        await vk.submitted("later")
        await vk.stop()
