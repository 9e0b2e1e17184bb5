"""The virtual kubelet is killed: nothing is lost, nothing is doubled, jobs without pods are removed."""

import asyncio

import pytest

from tests.cluster.vk.virtual_node import VirtualNode, eventually


async def test_pods_are_adopted_without_a_second_create(vk: VirtualNode) -> None:
    await vk.start()
    await vk.create("kept")
    await vk.submitted("kept")
    await vk.kill()
    vk.site.running()
    await vk.start()
    await vk.until("kept", "Running")
    assert vk.site.named("kept").creates == 1


@pytest.mark.parametrize("features", ["status-batch, retry-create", ""])
async def test_killed_between_the_create_and_its_record(vk: VirtualNode, features: str) -> None:
    """The site took the pod, but nobody wrote its job's id down."""
    vk.site.features = features
    vk.site.create_gate = asyncio.Event()
    await vk.start()
    await vk.create("between")

    async def arrived() -> bool:
        return vk.site.calls["/create"] == 1

    await eventually(arrived)
    site_side = vk.site.bodies["/create"]
    await vk.kill()
    vk.site._create(site_side)  # the server goes on, though its caller died
    vk.site.create_gate = None
    await vk.start()
    await vk.submitted("between")
    assert vk.site.named("between").creates == 1


async def test_a_pod_bound_while_nobody_was_there_starts(vk: VirtualNode) -> None:
    await vk.start()
    await vk.stop()
    await vk.create("overnight")
    await vk.start()
    await vk.submitted("overnight")


async def test_a_pod_deleted_while_nobody_was_there_loses_its_job(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("gone")
    await vk.submitted("gone")
    await vk.kill()
    await vk.delete("gone")
    await vk.start()
    await vk.until_gone("gone")
    assert vk.site.deletes[made["metadata"]["uid"]] == 1


async def test_a_pod_deleted_by_force_loses_its_job(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("forced")
    await vk.submitted("forced")
    await vk.delete("forced", grace=0)

    async def removed() -> bool:
        return vk.site.deletes[made["metadata"]["uid"]] == 1

    await eventually(removed)


async def test_a_job_whose_pod_vanished_unseen_is_swept_after_two_lists(vk: VirtualNode) -> None:
    await vk.start()
    made = await vk.create("orphan")
    await vk.create("alive")
    await vk.submitted("orphan")
    await vk.submitted("alive")
    await vk.kill()
    await vk.delete("orphan", grace=0)
    lists = vk.site.calls["/pods"]
    await vk.start()

    async def removed() -> bool:
        return vk.site.deletes[made["metadata"]["uid"]] == 1

    await eventually(removed)
    assert vk.site.calls["/pods"] >= lists + 2
    assert [job.name for job in vk.site.jobs.values()] == ["alive"]


async def test_a_recreated_name_is_another_pod(vk: VirtualNode) -> None:
    await vk.start()
    first = await vk.create("same")
    await vk.submitted("same")
    await vk.delete("same")
    await vk.until_gone("same")
    second = await vk.create("same")
    await vk.submitted("same")
    assert list(vk.site.jobs) == [second["metadata"]["uid"]]
    assert vk.site.deletes == {first["metadata"]["uid"]: 1}


async def test_fifty_pods_and_kills_lose_none_and_double_none(vk: VirtualNode) -> None:
    vk.site.latency = 0.05
    await vk.start()
    made = await asyncio.gather(*(vk.create(f"many-{i}") for i in range(50)))
    for share in (5, 20, 35):

        async def begun(share: int = share) -> bool:
            return len(vk.site.jobs) >= share

        await eventually(begun)
        await vk.kill()
        await vk.start()
    for pod in made:
        await vk.submitted(pod["metadata"]["name"])
    assert {job.uid: job.creates for job in vk.site.jobs.values()} == {pod["metadata"]["uid"]: 1 for pod in made}
    vk.site.ended()
    for pod in made:
        await vk.until(pod["metadata"]["name"], "Succeeded")


async def test_sigterm_lets_a_create_finish(vk: VirtualNode) -> None:
    await vk.start()
    vk.site.latency = 1.0
    await vk.create("last")

    async def arrived() -> bool:
        return vk.site.calls["/create"] == 1

    await eventually(arrived)
    await vk.stop()
    pod = await vk.pod("last")
    assert pod is not None and pod["metadata"]["annotations"]["JobID"]
