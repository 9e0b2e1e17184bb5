"""What is changed in the cluster reaches pods that run; what they use is told to who may know it."""

from typing import Any

import pytest
from kubernetes_client.api import ApiServer
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.vk.conftest import put
from tests.cluster.vk.control_plane import NOBODY, ControlPlane
from tests.cluster.vk.rights import grant_metrics
from tests.cluster.vk.test_kubelet_port import caller
from tests.cluster.vk.virtual_node import Json, VirtualNode, eventually
from tests.fakes.interlink_server import CHANGEABLE, Fault

VOLUMES = [
    {"name": "settings", "configMap": {"name": "web"}},
    {
        "name": "about",
        "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]},
    },
]


def mounting(*names: str) -> Json:
    return {"name": "main", "image": "x", "volumeMounts": [{"name": n, "mountPath": f"/{n}"} for n in names]}


async def change(api: ApiServer, namespace: str, name: str, data: dict[str, str]) -> None:
    await api.patch(f"/api/v1/namespaces/{namespace}/configmaps/{name}", {"data": data})


@pytest.fixture
async def changing(vk: VirtualNode) -> VirtualNode:
    """A node at a site that takes updates, with a running pod that mounts a ConfigMap and its own labels."""
    vk.site.features = CHANGEABLE
    await put(vk.api, vk.namespace, "configmap", "web", {"a": "1"})
    await vk.start(RefreshInterval=1)
    labelled = {"name": "changing", "labels": {"x": "1"}}
    await vk.create("changing", [mounting("settings", "about")], volumes=VOLUMES, metadata=labelled)
    await vk.submitted("changing")
    vk.site.running()
    await vk.until("changing", "Running")
    return vk


def content(vk: VirtualNode) -> dict[str, Any]:
    """What the site was told last: the data of each object by its name."""
    if not vk.site.updates:
        return {}
    told = vk.site.updates[-1]
    objects = [*(told["configmaps"] or []), *(told["projectedvolumesmaps"] or [])]
    return {each["metadata"]["name"]: each["data"] for each in objects}


async def test_a_configmap_and_labels_reach_the_site(changing: VirtualNode) -> None:
    await change(changing.api, changing.namespace, "web", {"a": "2"})

    async def config_arrived() -> bool:
        return content(changing).get("web") == {"a": "2"}

    await eventually(config_arrived)
    await changing.api.patch(f"{changing.pods}/changing", {"metadata": {"labels": {"x": "2"}}})

    async def label_arrived() -> bool:
        return content(changing).get("about") == {"labels": 'x="2"'}

    await eventually(label_arrived)
    assert changing.site.calls["/create"] == 1


async def test_a_shorter_deadline_reaches_the_site(changing: VirtualNode) -> None:
    await changing.api.patch(f"{changing.pods}/changing", {"spec": {"activeDeadlineSeconds": 90}})

    async def arrived() -> bool:
        return any(u["pod"]["spec"].get("activeDeadlineSeconds") == 90 for u in changing.site.updates)

    await eventually(arrived)


async def add(vk: VirtualNode, *containers: Json) -> None:
    """As `kubectl debug` does."""
    await vk.api.patch(f"{vk.pods}/changing/ephemeralcontainers", {"spec": {"ephemeralContainers": list(containers)}})


async def shown(vk: VirtualNode, kind: str, name: str = "d") -> Json:
    """The state of an ephemeral container, once it is of this kind."""

    async def look() -> Json | None:
        statuses = ((await vk.pod("changing") or {}).get("status") or {}).get("ephemeralContainerStatuses") or []
        state: Json = next((each["state"] for each in statuses if each["name"] == name), {})
        return state.get(kind)

    found: Json = await eventually(look)
    return found


async def test_an_ephemeral_container_reaches_the_site_and_the_api_server_takes_what_becomes_of_it(
    changing: VirtualNode,
) -> None:
    from_map = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "a"}}}
    await add(changing, {"name": "d", "image": "x", "env": [from_map], "stdin": True, "targetContainerName": "main"})
    assert (await shown(changing, "waiting"))["reason"] == "ContainerCreating"

    async def arrived() -> Any:
        sent = [update["pod"]["spec"].get("ephemeralContainers") for update in changing.site.updates]
        return next((each for each in sent if each), None)

    (found,) = await eventually(arrived)
    assert (found["env"], found["stdin"], found["targetContainerName"]) == ([{"name": "A", "value": "1"}], True, "main")
    job = changing.site.named("changing")
    began, ended = "2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"
    states: tuple[Json, ...] = (
        {"running": {"startedAt": began}},
        {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": began, "finishedAt": ended}},
    )
    for state in states:
        said = {
            "name": "d",
            "state": state,
            "image": "x",
            "imageID": "y",
            "containerID": "apptainer://1",
            "ready": False,
        }
        job.beside = {"ephemeralContainers": [said]}
        changing.site.running()
        await shown(changing, next(iter(state)))
    pod = await changing.until("changing", "Running")
    (status,) = pod["status"]["ephemeralContainerStatuses"]
    assert (status["state"]["terminated"]["exitCode"], status["ready"]) == (3, False)
    assert changing.site.calls["/create"] == 1


async def test_an_ephemeral_container_that_nothing_brings_to_the_job_says_so(changing: VirtualNode) -> None:
    changing.site.faults["/update"] = Fault(501, "job channels are off at this site")
    await add(changing, {"name": "d", "image": "x"})

    async def told() -> bool:
        return bool((await shown(changing, "waiting"))["reason"] == "ProviderUnable")

    await eventually(told)
    assert (await shown(changing, "waiting"))["message"] == "not started: job channels are off at this site"
    event = await changing.event("changing", "ProviderUnable")
    assert event["involvedObject"]["fieldPath"] == "spec.ephemeralContainers{d}"


async def test_a_site_without_a_way_into_the_job_is_told_about_once(changing: VirtualNode) -> None:
    changing.site.faults["/update"] = Fault(501, "job channels are off at this site")
    await change(changing.api, changing.namespace, "web", {"a": "2"})
    event = await changing.event("changing", "VolumesNotUpdated")
    assert "channels are off" in event["message"]
    asked = changing.site.calls["/update"]
    await change(changing.api, changing.namespace, "web", {"a": "3"})
    polls = changing.site.calls["/status"]

    async def time_passed() -> bool:
        return changing.site.calls["/status"] > polls + 8

    await eventually(time_passed)
    assert changing.site.calls["/update"] == asked


async def test_usage_is_told_as_a_kubelet_tells_it_and_to_whom_it_would(
    changing: VirtualNode, plane: ControlPlane
) -> None:
    (uid,) = changing.site.jobs
    used = {"name": "main", "cpuNanoCores": 5, "cpuNanoSeconds": 2_000_000_000, "memoryBytes": 4096, "rootfsBytes": 1}
    times = {"time": "2026-01-01T00:01:00Z", "started": "2026-01-01T00:00:00Z"}
    changing.site.usage = [{"UID": uid, **times, "containers": [used]}]
    await grant_metrics(changing.api)
    async with caller(changing, plane.tokens[NOBODY]) as session:
        async with session.get("/metrics/resource") as response:
            assert response.status == 200
            families = {f.name: f.samples for f in text_string_to_metric_families(await response.text())}
        for path in ("/stats/summary", "/pods", f"/containerLogs/{changing.namespace}/changing/main"):
            async with session.get(path) as response:
                assert response.status == 403, path
    (cpu,) = families["container_cpu_usage_seconds"]
    assert (cpu.labels["pod"], cpu.labels["namespace"], cpu.value) == ("changing", changing.namespace, 2.0)
    assert families["node_memory_working_set_bytes"][0].value > 4096
    async with caller(changing, plane.tokens["admin"]) as session, session.get("/stats/summary") as response:
        found = await response.json()
    assert found["node"]["nodeName"] == changing.name
    assert found["pods"][0]["podRef"]["uid"] == uid
