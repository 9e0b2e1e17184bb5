"""What pods use: by the job's channel, else what the worker node told HTCondor."""

import asyncio
from pathlib import Path
from typing import Any

from condor_sidecar.app.channel import messages
from condor_sidecar.app.job_channels import NoChannels
from condor_sidecar.app.usage import usages
from condor_sidecar.core.usage import Measured, Sample, usage_of_ad, usage_of_job
from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_view import ContainerView, PodView, Running, Waiting
from interlink.protocol.types import ContainerUsage, PodUsage

from tests.fakes.condor_schedd import FakeSchedd
from tests.unit.sidecar.compile.pods import UID
from tests.unit.sidecar.conftest import Sidecar, created
from tests.unit.sidecar.test_updates import Channels, table

NOW = 1_767_225_700
VIEW = PodView(
    (
        ContainerView("i", ContainerKind.INIT, Waiting("x")),
        ContainerView("a", ContainerKind.MAIN, Running(float(NOW))),
        ContainerView("b", ContainerKind.MAIN, Running(float(NOW))),
    )
)


def ad(**more: Any) -> JobAd:
    return JobAd(**{"cluster": 1, "proc": 0, "uid": UID, "status": 2, "started": NOW - 100, **more})


def test_a_job_s_totals_are_its_first_running_container_s() -> None:
    told = usage_of_ad(UID, ad(user_cpu=40, system_cpu=10, resident_kib=2048, disk_kib=3), VIEW, NOW)
    assert told is not None
    assert told.containers == [
        ContainerUsage(
            "a", cpuNanoCores=500_000_000, cpuNanoSeconds=50_000_000_000, memoryBytes=2 << 20, rootfsBytes=3072
        )
    ]
    assert (told.started, told.time) == ("2026-01-01T00:00:00Z", "2026-01-01T00:01:40Z")


def seen(a: float = NOW - 100.0, b: float = NOW - 50.0) -> PodView:
    """Both containers run, since then."""
    return PodView(
        (ContainerView("a", ContainerKind.MAIN, Running(a)), ContainerView("b", ContainerKind.MAIN, Running(b)))
    )


def word(taken: float, **cpu: float) -> Sample:
    return Sample(taken, tuple(Measured(name, seconds, 1) for name, seconds in cpu.items()))


def test_a_container_s_usage_counts_from_its_own_start() -> None:
    told = usage_of_job(UID, ad(), seen(), word(NOW, a=50.0, b=5.0), None)
    assert told is not None and told.started == "2026-01-01T00:00:00Z"
    assert [each.started for each in told.containers] == ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:50.000000Z"]
    assert [each.cpuNanoCores for each in told.containers] == [500_000_000, 100_000_000]


def test_the_rate_is_that_of_the_time_since_the_word_before() -> None:
    before = word(NOW - 10, a=48.0, b=9.0)
    told = usage_of_job(UID, ad(), seen(b=NOW - 4), word(NOW, a=50.0, b=1.0), before)
    assert told is not None
    # b was started again in between, so that its run before says nothing
    assert [each.cpuNanoCores for each in told.containers] == [200_000_000, 250_000_000]
    told = usage_of_job(UID, ad(), seen(b=NOW + 1), word(NOW, a=50.0, b=10.0), before)
    assert told is not None and [each.name for each in told.containers] == ["a"], (
        "what was used counts for the run before"
    )


def test_a_job_s_own_word_is_of_each_container_and_of_its_moment() -> None:
    now = Sample(NOW + 0.5, (Measured("a", 25.0, 7), Measured("b", 0.5, 8)))
    told = usage_of_job(UID, ad(disk_kib=2), seen(), now, None)
    assert told is not None and told.time == "2026-01-01T00:01:40.500000Z"
    first, second = told.containers
    assert (first.cpuNanoSeconds, first.memoryBytes, first.rootfsBytes) == (25_000_000_000, 7, 2048)
    assert (second.cpuNanoSeconds, second.memoryBytes, second.rootfsBytes) == (500_000_000, 8, 0)
    assert 0 < first.cpuNanoCores < 250_000_000
    assert usage_of_job(UID, ad(status=4), seen(), word(NOW, a=1.0), None) is None


def test_a_container_that_a_job_names_twice_is_told_once_and_a_stranger_not_at_all() -> None:
    each = '{"name":"%s","cpu_seconds":%d,"memory_bytes":1}'
    listed = [each % ("a", 1), each % ("x", 2), each % ("a", 3)]
    told = messages.read('{"type":"usage","time":1.8e9,"containers":[' + ",".join(listed) + "]}")
    assert isinstance(told, messages.Usage)
    assert [(one.name, one.cpu_seconds) for one in told.of({"a", "b"}).containers] == [("a", 3.0)]


def test_what_was_never_measured_or_does_not_run_is_not_told() -> None:
    assert usage_of_ad(UID, ad(), VIEW, NOW) is None
    assert usage_of_ad(UID, ad(status=5, user_cpu=1), VIEW, NOW) is None
    assert usage_of_ad(UID, ad(user_cpu=1), PodView(VIEW.containers[:1]), NOW) is None


def test_the_channel_s_word_wins(tmp_path: Path) -> None:
    held = table(tmp_path)
    (pod,) = held.pods.values()
    pod.ad, pod.view = ad(user_cpu=1, resident_kib=1), VIEW
    assert [usage.time for usage in usages(held, NoChannels())] == ["1970-01-01T00:00:00Z"]

    class Telling(Channels):
        def usage(self) -> dict[str, PodUsage]:
            return {UID: PodUsage(UID, "now", "then", []), "a stranger": PodUsage("x", "", "", [])}

    assert [usage.time for usage in usages(held, Telling())] == ["now"]


async def test_stats_are_told_for_the_node(sidecar: Sidecar, schedd: FakeSchedd) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    job = schedd.run(uid)
    job.attributes.update(
        JobCurrentStartDate=job.attributes["JobCurrentStartDate"] - 100, RemoteUserCpu=5.5, ResidentSetSize=4
    )
    await sidecar.wait_for(uid, "running")
    async with asyncio.timeout(10):
        while not (found := (await sidecar.call("GET", "/stats?node=vk-test"))[1]):
            await asyncio.sleep(0.02)
    assert found[0]["UID"] == uid
    assert found[0]["containers"][0]["cpuNanoSeconds"] == 5_000_000_000
    assert await sidecar.call("GET", "/stats?node=another") == (200, [])
