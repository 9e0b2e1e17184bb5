"""Kubernetes' own controllers over pods at a site: they see what they would see of pods on a machine.

The control plane is one of its own, with controllers. Nothing is scheduled: templates name the node, as a scheduler would have.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes_client.answer import ApiError

from tests.cluster.vk.control_plane import ControlPlane, control_plane, controllers
from tests.cluster.vk.virtual_node import Json, VirtualNode, eventually

APPS, BATCH = "/apis/apps/v1", "/apis/batch/v1"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("controlled")) as running, controllers(running):
        yield running


class Workloads:
    """Objects of controllers in the node's namespace."""

    def __init__(self, vk: VirtualNode) -> None:
        self.vk = vk

    def template(self, labels: dict[str, str], **spec: Any) -> Json:
        container = {"name": "main", "image": "one"}
        return {
            "metadata": {"labels": labels},
            "spec": {"nodeName": self.vk.name, "containers": [container], **spec},
        }

    async def make(self, group: str, kind: str, name: str, spec: Json) -> None:
        body = {"apiVersion": group.removeprefix("/apis/"), "kind": kind, "metadata": {"name": name}, "spec": spec}
        await self.vk.api.post(self.path(group, kind), body)

    def path(self, group: str, kind: str, name: str = "") -> str:
        return f"{group}/namespaces/{self.vk.namespace}/{kind.lower()}s" + (f"/{name}" if name else "")

    async def job(self, name: str, *, policy: Json | None = None, **spec: Any) -> None:
        more = {"podFailurePolicy": policy} if policy else {}
        template = self.template({"job": name}, restartPolicy="Never")
        await self.make(BATCH, "Job", name, {"template": template, **more, **spec})

    async def until(self, group: str, kind: str, name: str, **wanted: Any) -> Json:
        """The object's status, once it has these values."""

        async def look() -> Json | None:
            status: Json = (await self.vk.api.get(self.path(group, kind, name))).get("status", {})
            return status if all(status.get(key) == value for key, value in wanted.items()) else None

        found: Json = await eventually(look, 60)
        return found

    async def condition(self, group: str, kind: str, name: str, condition: str) -> Json:
        """A condition of the object, once it is True."""

        async def look() -> Json | None:
            status = (await self.vk.api.get(self.path(group, kind, name))).get("status", {})
            held = (c for c in status.get("conditions", []) if c["type"] == condition and c["status"] == "True")
            return next(held, None)

        found: Json = await eventually(look, 60)
        return found

    async def jobs_at_the_site(self, number: int) -> list[str]:
        """The UIDs that the site holds, once there are so many."""

        async def look() -> list[str] | None:
            return list(self.vk.site.jobs) if len(self.vk.site.jobs) == number else None

        found: list[str] = await eventually(look, 60)
        return found


@pytest.fixture
async def workloads(vk: VirtualNode) -> Workloads:
    await vk.start()
    return Workloads(vk)


async def test_a_parallel_job_completes(workloads: Workloads) -> None:
    await workloads.job("many", parallelism=2, completions=3)
    site = workloads.vk.site
    await workloads.jobs_at_the_site(2)
    site.running()
    await workloads.until(BATCH, "Job", "many", active=2, ready=2)
    site.ended()
    await workloads.jobs_at_the_site(3)
    site.ended()
    await workloads.condition(BATCH, "Job", "many", "Complete")
    assert (await workloads.until(BATCH, "Job", "many"))["succeeded"] == 3


async def test_failed_pods_are_replaced_until_the_limit(workloads: Workloads) -> None:
    await workloads.job("fails", backoffLimit=1)
    (first,) = await workloads.jobs_at_the_site(1)
    workloads.vk.site.ended(first, code=3)
    both = await workloads.jobs_at_the_site(2)
    workloads.vk.site.ended(next(uid for uid in both if uid != first), code=3)
    assert (await workloads.condition(BATCH, "Job", "fails", "Failed"))["reason"] == "BackoffLimitExceeded"


async def test_an_exit_code_can_fail_a_job_at_once(workloads: Workloads) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}
    await workloads.job("code", backoffLimit=5, policy={"rules": [rule]})
    (uid,) = await workloads.jobs_at_the_site(1)
    workloads.vk.site.ended(uid, code=42)
    assert (await workloads.condition(BATCH, "Job", "code", "Failed"))["reason"] == "PodFailurePolicy"


async def test_an_eviction_does_not_count_against_a_job_that_ignores_disruptions(workloads: Workloads) -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    await workloads.job("evicted", backoffLimit=0, policy={"rules": [rule]})
    site = workloads.vk.site
    (first,) = await workloads.jobs_at_the_site(1)
    site.jobs[first].beside = {"disruption": "it lost its worker node"}
    site.ended(first, code=137, reason="Evicted")
    second = next(uid for uid in await workloads.jobs_at_the_site(2) if uid != first)
    site.ended(second)
    await workloads.condition(BATCH, "Job", "evicted", "Complete")


async def test_a_roll_out_waits_for_the_new_pods_to_be_ready(workloads: Workloads) -> None:
    labels = {"app": "web"}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "strategy": strategy}
    await workloads.make(APPS, "Deployment", "web", {**spec, "template": workloads.template(labels)})
    site = workloads.vk.site
    old = set(await workloads.jobs_at_the_site(2))
    site.running()
    await workloads.until(APPS, "Deployment", "web", availableReplicas=2)
    containers = [{"name": "main", "image": "two"}]
    await workloads.vk.api.patch(
        workloads.path(APPS, "Deployment", "web"), {"spec": {"template": {"spec": {"containers": containers}}}}
    )
    # the new pod is not ready: no old one may go
    assert old < set(await workloads.jobs_at_the_site(3))

    async def replaced() -> bool:
        for uid in set(site.jobs) - old:
            site.running(uid)
        return len(site.jobs) == 2 and not old & set(site.jobs)

    await eventually(replaced, 60)
    await workloads.until(APPS, "Deployment", "web", updatedReplicas=2, availableReplicas=2, replicas=2)
    assert all(site.deletes[uid] == 1 for uid in old)


async def test_a_stateful_set_s_name_comes_back_with_another_uid(workloads: Workloads) -> None:
    labels = {"app": "db"}
    spec = {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": labels}}
    await workloads.make(APPS, "StatefulSet", "db", {**spec, "template": workloads.template(labels)})
    site, vk = workloads.vk.site, workloads.vk
    (first,) = await workloads.jobs_at_the_site(1)
    site.running()
    await workloads.until(APPS, "StatefulSet", "db", readyReplicas=1)
    await vk.delete("db-0")

    async def again() -> str | None:
        return next((uid for uid, job in site.jobs.items() if uid != first and job.name == "db-0"), None)

    second = await eventually(again, 60)
    assert (site.deletes[first], site.deletes[second]) == (1, 0)
    site.running(second)
    await workloads.until(APPS, "StatefulSet", "db", readyReplicas=1)
    assert list(site.jobs) == [second]


async def test_daemon_sets_keep_away(workloads: Workloads) -> None:
    labels = {"app": "agent"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "one"}]}}
    await workloads.make(APPS, "DaemonSet", "agent", {"selector": {"matchLabels": labels}, "template": template})
    status = await workloads.until(APPS, "DaemonSet", "agent", observedGeneration=1)
    assert status["desiredNumberScheduled"] == 0
    assert not workloads.vk.site.jobs


async def test_what_a_controller_owns_goes_with_it(workloads: Workloads) -> None:
    """kubectl delete: the garbage collector deletes pods one by one, and their jobs end first."""
    await workloads.job("owner", parallelism=3, completions=3)
    site = workloads.vk.site
    uids = await workloads.jobs_at_the_site(3)
    site.running()
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    await workloads.vk.api.delete(workloads.path(BATCH, "Job", "owner"), options)

    async def all_gone() -> bool:
        return not site.jobs

    await eventually(all_gone, 60)
    assert all(site.deletes[uid] == 1 for uid in uids)


@pytest.mark.long
async def test_a_cron_job_runs_at_its_minute(workloads: Workloads) -> None:
    job = {"spec": {"template": workloads.template({}, restartPolicy="Never")}}
    await workloads.make(BATCH, "CronJob", "often", {"schedule": "* * * * *", "jobTemplate": job})

    async def begun() -> bool:
        return bool(workloads.vk.site.jobs)

    await eventually(begun, 90)
    workloads.vk.site.ended()

    async def succeeded() -> bool:
        found = await workloads.vk.api.get(workloads.path(BATCH, "CronJob", "often"))
        return "lastSuccessfulTime" in found.get("status", {})

    await eventually(succeeded, 60)


@pytest.mark.long
async def test_pods_of_a_node_that_is_gone_are_collected_and_their_jobs_swept_when_it_is_back(
    workloads: Workloads,
) -> None:
    """The pod garbage collector waits for a minute before it takes away what is left of a node."""
    vk = workloads.vk
    made = await vk.create("left")
    await vk.submitted("left")
    vk.site.running()
    await vk.until("left", "Running")
    await vk.stop()
    await vk.api.delete(f"/api/v1/nodes/{vk.name}", {"apiVersion": "v1", "kind": "DeleteOptions"})

    async def collected() -> bool:
        try:
            return await vk.pod("left") is None
        except ApiError:
            return False

    await eventually(collected, 150)
    assert vk.site.jobs
    await vk.start()

    async def swept() -> bool:
        return vk.site.deletes[made["metadata"]["uid"]] == 1

    await eventually(swept)
