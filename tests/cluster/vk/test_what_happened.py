"""What a user learns of a pod at a site: events, conditions, addresses, generations, on a real API server."""

import time
from typing import Any

from virtual_kubelet.core.timestamp import rfc3339

from tests.cluster.vk.virtual_node import Json, VirtualNode, eventually

GATE = "example.org/gate"


def event(number: int, reason: str, message: str, container: str = "") -> Json:
    told = {"number": number, "time": rfc3339(time.time()), "kind": "Warning", "reason": reason, "message": message}
    return told | ({"container": container} if container else {})


async def running(vk: VirtualNode, name: str, **spec: Any) -> str:
    """The UID of a new pod that runs."""
    uid: str = (await vk.create(name, **spec))["metadata"]["uid"]
    await vk.submitted(name)
    vk.site.running(uid)
    await vk.until(name, "Running")
    return uid


async def reasons(vk: VirtualNode, name: str) -> list[str]:
    return sorted(event["reason"] for event in await vk.events(name))


async def test_what_the_site_says_happened_is_written_once_also_across_restarts(vk: VirtualNode) -> None:
    await vk.start()
    uid = await running(vk, "told")
    held, probe = event(1, "JobHeld", "no room on disk"), event(2, "Unhealthy", "probe failed", "main")
    vk.site.jobs[uid].beside = {"events": [held]}
    assert (await vk.event("told", "JobHeld"))["message"] == "no room on disk"
    vk.site.jobs[uid].beside = {"events": [held, probe]}
    found = await vk.event("told", "Unhealthy")
    assert found["involvedObject"]["fieldPath"] == "spec.containers{main}"
    before = await reasons(vk, "told")
    for end in (vk.kill, vk.stop):
        await end()
        await vk.start()
        asked = vk.site.calls["/status"]
        # the last event comes behind those that are told again: once it is there, they have been dealt with
        last = event(asked, f"Last{end.__name__.title()}", "words")
        vk.site.jobs[uid].beside = {"events": [held, probe, last]}
        await vk.event("told", last["reason"])
    assert await reasons(vk, "told") == sorted([*before, "LastKill", "LastStop"])
    counts = {e["reason"]: e["count"] for e in await vk.events("told")}
    assert (counts["JobHeld"], counts["Unhealthy"]) == (1, 1)


async def test_a_gate_that_somebody_opens_makes_the_pod_ready(vk: VirtualNode) -> None:
    await vk.start()
    await running(vk, "gated", readinessGates=[{"conditionType": GATE}])
    for status in ("True", "False", "True"):
        patch = {"status": {"conditions": [{"type": GATE, "status": status}]}}
        await vk.api.patch(f"{vk.pods}/gated/status", patch)

        async def follows(wanted: str = status) -> bool:
            pod = await vk.pod("gated")
            return pod is not None and vk.condition(pod, "Ready")["status"] == wanted

        await eventually(follows)
    pod = await vk.pod("gated")
    assert pod is not None and vk.condition(pod, "ContainersReady")["status"] == "True"


async def test_an_eviction_by_the_site_is_a_disruption(vk: VirtualNode) -> None:
    await vk.start()
    uid = await running(vk, "evicted")
    words = "HTCondor job 7.0 lost its worker node"
    vk.site.jobs[uid].beside = {"disruption": words}
    vk.site.ended(uid, code=137, reason="Evicted", message=words)
    pod = await vk.until("evicted", "Failed")
    assert vk.condition(pod, "DisruptionTarget")["status"] == "True"
    assert (pod["status"]["reason"], pod["status"]["message"]) == ("Evicted", words)


async def test_the_status_says_which_generation_it_is_about_and_is_then_left_alone(vk: VirtualNode) -> None:
    await vk.start()
    await running(vk, "generation")
    pod = await vk.pod("generation")
    assert pod is not None
    generation = pod["metadata"]["generation"]
    assert pod["status"]["observedGeneration"] == generation
    assert vk.condition(pod, "Ready")["observedGeneration"] == generation
    before = await vk.api.patch(f"{vk.pods}/generation", {"spec": {"activeDeadlineSeconds": 600}})

    async def followed() -> bool:
        found = await vk.pod("generation")
        return found is not None and found["status"]["observedGeneration"] == before["metadata"]["generation"]

    await eventually(followed)
    polls = vk.site.calls["/status"]

    async def polled_often() -> bool:
        return vk.site.calls["/status"] > polls + 4

    version = (await vk.pod("generation") or {})["metadata"]["resourceVersion"]
    await eventually(polled_often)
    assert (await vk.pod("generation") or {})["metadata"]["resourceVersion"] == version


async def test_an_address_that_the_site_tells_is_the_pod_s(vk: VirtualNode) -> None:
    await vk.start()
    uid = await running(vk, "addressed")
    assert "podIP" not in (await vk.pod("addressed") or {})["status"]
    vk.site.jobs[uid].beside = {"podIP": "192.0.2.7"}

    async def shown() -> bool:
        pod = await vk.pod("addressed")
        return pod is not None and pod["status"].get("podIPs") == [{"ip": "192.0.2.7"}]

    await eventually(shown)


async def test_a_deleted_pod_says_that_its_job_is_ended(vk: VirtualNode) -> None:
    await vk.start()
    await running(vk, "ends")
    await vk.delete("ends")
    assert "at the site" in (await vk.event("ends", "Killing"))["message"]
    await vk.until_gone("ends")


async def test_a_flood_of_events_is_bounded(vk: VirtualNode) -> None:
    await vk.start()
    uid = await running(vk, "shouts")
    for start in range(0, 200, 50):
        told = [event(n, "Odd", f"message {n}") for n in range(start + 1, start + 51)]
        vk.site.jobs[uid].beside = {"events": told}
        calls = vk.site.calls["/status"]

        async def heard(before: int = calls) -> bool:
            return vk.site.calls["/status"] > before + 1

        await eventually(heard)

    # another pod's event comes behind all of them in the line
    await running(vk, "quiet")
    await vk.event("quiet", "Submitted")
    assert 20 <= len(await vk.events("shouts")) <= 30
