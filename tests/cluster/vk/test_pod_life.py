"""What a user sees of an ordinary pod, from its creation to its end."""

from tests.cluster.vk.virtual_node import VirtualNode, eventually


async def test_a_pod_is_handed_over_runs_and_succeeds(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("hello")
    pod = await vk.submitted("hello")
    uid = made["metadata"]["uid"]
    assert vk.site.jobs[uid].creates == 1
    assert pod["metadata"]["annotations"]["JobID"] == f"job-{uid[:8]}"
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["hostIP"] == "127.0.0.1"
    vk.site.running()
    pod = await vk.until("hello", "Running")
    assert vk.condition(pod, "Ready")["status"] == "True"
    vk.site.ended(code=0)
    pod = await vk.until("hello", "Succeeded")
    (status,) = pod["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == 0
    assert (await vk.event("hello", "Submitted"))["message"].endswith(f"job-{uid[:8]}")


async def test_an_exit_code_comes_back(vk: VirtualNode) -> None:
    await vk.start()
    await vk.create("fails")
    await vk.submitted("fails")
    vk.site.ended(code=42, message="it is broken")
    pod = await vk.until("fails", "Failed")
    end = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (end["exitCode"], end["reason"], end["message"]) == (42, "Error", "it is broken")


async def test_nothing_is_written_while_nothing_changes(vk: VirtualNode) -> None:
    await vk.start()
    await vk.create("quiet")
    await vk.submitted("quiet")
    vk.site.running()
    before = (await vk.until("quiet", "Running"))["metadata"]["resourceVersion"]
    polls = vk.site.calls["/status"]

    async def polled_often() -> bool:
        return vk.site.calls["/status"] > polls + 4

    await eventually(polled_often)
    pod = await vk.pod("quiet")
    assert pod is not None and pod["metadata"]["resourceVersion"] == before


async def test_deleting_a_running_pod_removes_its_job_first(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("doomed")
    await vk.submitted("doomed")
    vk.site.running()
    await vk.until("doomed", "Running")
    await vk.delete("doomed")
    await vk.until_gone("doomed")
    assert vk.site.deletes[made["metadata"]["uid"]] == 1
    assert not vk.site.jobs


async def test_an_ended_pod_can_be_deleted(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("done")
    await vk.submitted("done")
    vk.site.ended()
    await vk.until("done", "Succeeded")
    await vk.delete("done")
    await vk.until_gone("done")
    assert vk.site.deletes[made["metadata"]["uid"]] == 1
