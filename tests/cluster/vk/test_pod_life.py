"""What a user sees of an ordinary pod, from its creation to its end."""

import pytest

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


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (143, "Failed")])
async def test_a_deleted_pod_is_there_until_its_containers_have_ended(vk: VirtualNode, code: int, phase: str) -> None:
    """And shows to who holds it how they did."""
    vk.site.linger = True
    await vk.start()
    made = await vk.create("polite", metadata={"name": "polite", "finalizers": ["example.org/looks"]})
    uid = made["metadata"]["uid"]
    await vk.submitted("polite")
    vk.site.running(uid)
    await vk.until("polite", "Running")
    await vk.delete("polite")

    async def asked() -> bool:
        return vk.site.deletes[uid] == 1 and vk.site.calls["/status"] > polls + 3

    polls = vk.site.calls["/status"]
    await eventually(asked)
    pod = await vk.pod("polite")
    assert pod is not None and pod["status"]["phase"] == "Running"
    vk.site.ended(uid, code)
    pod = await vk.until("polite", phase)
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code
    await vk.api.patch(f"{vk.pods}/polite", {"metadata": {"finalizers": None}})
    await vk.until_gone("polite")


async def test_a_forced_delete_waits_for_nobody(vk: VirtualNode) -> None:
    vk.site.linger = True
    await vk.start()
    made = await vk.create("rude")
    await vk.submitted("rude")
    vk.site.running()
    await vk.until("rude", "Running")
    await vk.delete("rude", grace=0)
    await vk.until_gone("rude")

    async def told() -> bool:
        return vk.site.deletes[made["metadata"]["uid"]] == 1

    await eventually(told)


async def test_an_ended_pod_can_be_deleted(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("done")
    await vk.submitted("done")
    vk.site.ended()
    await vk.until("done", "Succeeded")
    await vk.delete("done")
    await vk.until_gone("done")
    assert vk.site.deletes[made["metadata"]["uid"]] == 1
