"""Requests and limits become the job's, in HTCondor's form and in the compute element's."""

from typing import Any

import pytest
from condor_sidecar.core.policy import Policy, ResourceDefaults, ResourceLimits

from tests.unit.sidecar.compile.pods import Json, compiled, container, first, pod, reasons

BARE = Policy(
    resources=ResourceDefaults(cpus=1, memory_mib=2048, disk_mib=10240, memory_overhead_mib=0, disk_overhead_mib=0)
)


def asks(
    name: str = "main", requests: dict[str, str] | None = None, limits: dict[str, str] | None = None
) -> dict[str, Any]:
    return container(name, resources={"requests": requests or {}, "limits": limits or {}})


@pytest.mark.parametrize(
    ("containers", "inits", "cpus", "memory", "disk"),
    [
        ([asks()], [], 1, 2048, 10240),
        ([asks(requests={"cpu": "1500m", "memory": "1Gi"})], [], 2, 1024, 10240),
        ([asks(requests={"cpu": "100m", "memory": "1"})], [], 1, 1, 10240),
        ([asks(requests={"memory": "1000M"})], [], 1, 954, 10240),
        ([asks(requests={"memory": "1Gi"}, limits={"memory": "3Gi"})], [], 1, 3072, 10240),
        ([asks(limits={"cpu": "3", "memory": "1Gi"})], [], 3, 1024, 10240),
        ([asks(requests={"cpu": "1"}, limits={"cpu": "8"})], [], 1, 2048, 10240),
        ([asks("a", {"cpu": "600m"}), asks("b", {"cpu": "600m"})], [], 2, 2048, 10240),
        ([asks("a", {"cpu": "400m"}), asks("b", {"cpu": "600m"})], [], 1, 2048, 10240),
        ([asks(requests={"cpu": "1", "memory": "1Gi"})], [asks("i", {"cpu": "4", "memory": "512Mi"})], 4, 1024, 10240),
        (
            [asks(requests={"memory": "1Gi"})],
            [asks("i", {"memory": "2Gi"}), asks("j", {"memory": "3Gi"})],
            1,
            3072,
            10240,
        ),
        ([asks(requests={"ephemeral-storage": "1Gi"})], [], 1, 2048, 1024),
        ([asks(requests={"ephemeral-storage": "1Gi"}, limits={"ephemeral-storage": "2Gi"})], [], 1, 2048, 2048),
        ([asks(requests={"cpu": "0", "memory": "0"})], [], 1, 2048, 10240),
        ([asks(requests={"cpu": "1e1", "memory": "1e9"})], [], 10, 954, 10240),
    ],
)
def test_the_pod_s_requests_are_the_job_s(
    containers: list[dict[str, Any]], inits: list[dict[str, Any]], cpus: int, memory: int, disk: int
) -> None:
    submit = compiled(pod(*containers, initContainers=inits), BARE).submit
    assert (submit["request_cpus"], submit["MY.xcount"]) == (str(cpus), str(cpus))
    assert (submit["request_memory"], submit["MY.maxMemory"]) == (str(memory), str(memory))
    assert submit["request_disk"] == str(disk * 1024)
    assert "request_gpus" not in submit


def test_supervisor_and_runtime_get_memory_and_disk_of_their_own() -> None:
    defaults = ResourceDefaults(memory_overhead_mib=64, disk_overhead_mib=256)
    submit = compiled(
        pod(asks(requests={"memory": "1Gi", "ephemeral-storage": "1Gi"})), Policy(resources=defaults)
    ).submit
    assert (submit["request_memory"], submit["request_disk"]) == ("1088", str(1280 * 1024))


@pytest.mark.parametrize(("resource", "kind"), [("nvidia.com/gpu", "nvidia"), ("amd.com/gpu", "amd")])
def test_gpus_are_asked_for_and_shown_to_the_containers_that_want_them(resource: str, kind: str) -> None:
    plan = compiled(pod(asks(limits={resource: "2"}, requests={resource: "2"}), asks("other")))
    assert plan.submit["request_gpus"] == "2"
    assert first(plan).gpu == kind


VENDORS = Policy(require_gpus={"nvidia.com/gpu": 'Vendor == "NVIDIA" || true', "amd.com/gpu": "isAmd"})


@pytest.mark.parametrize(
    ("resource", "model", "policy", "expression"),
    [
        ("nvidia.com/gpu", "", VENDORS, '(Vendor == "NVIDIA" || true)'),
        ("amd.com/gpu", "", VENDORS, "(isAmd)"),
        ("amd.com/gpu", "AMD Instinct MI250X", VENDORS, '(isAmd) && DeviceName == "AMD Instinct MI250X"'),
        ("amd.com/gpu", "", Policy(), None),
        ("cpu", "", VENDORS, None),
    ],
)
def test_a_site_says_by_what_it_tells_one_vendor_s_gpus_from_another_s(
    resource: str, model: str, policy: Policy, expression: str | None
) -> None:
    asking = pod(asks(limits={resource: "1"}))
    if model:
        asking["metadata"]["annotations"]["htcondor-job.vk.io/gpu-model"] = model
    assert compiled(asking, policy).submit.get("require_gpus") == expression


def test_the_annotation_asks_for_disk() -> None:
    asking = pod(asks(requests={"ephemeral-storage": "1Gi"}))
    asking["metadata"]["annotations"]["htcondor-job.vk.io/request-disk"] = "50Gi"
    assert compiled(asking, BARE).submit["request_disk"] == str(50 * 1024**2)


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        (
            {"requests": {"memory": "12Q"}},
            'memory "12Q" is not a Kubernetes quantity (containers[0].resources.requests.memory)',
        ),
        ({"limits": {"cpu": "-1"}}, 'cpu "-1" is negative: correct it (containers[0].resources.limits.cpu)'),
        (
            {"limits": {"example.com/fpga": "1"}},
            'resource "example.com/fpga" is not offered at this site: remove it (containers[0].resources.limits.example.com/fpga)',
        ),
        (
            {"limits": {"nvidia.com/gpu": "500m"}},
            'nvidia.com/gpu "500m" is not a whole number: correct it (containers[0].resources.limits.nvidia.com/gpu)',
        ),
        (
            {"limits": {"nvidia.com/gpu": "1", "amd.com/gpu": "1"}},
            "a job can have GPUs of one kind only: ask for one of nvidia.com/gpu, amd.com/gpu (resources)",
        ),
        (
            {"requests": {"cpu": "200"}},
            "the pod asks for 200 CPUs, the largest job of this site has 96: ask for less (resources)",
        ),
        (
            {"claims": [{"name": "x"}]},
            "this field is not supported at this site: remove it (containers[0].resources.claims)",
        ),
    ],
)
def test_what_can_t_be_asked_of_the_pool_is_rejected(resources: dict[str, Any], reason: str) -> None:
    assert reasons(pod(container(resources=resources)), Policy(limits=ResourceLimits(cpus=96))) == (reason,)


def sidecar(name: str, requests: dict[str, str]) -> dict[str, Any]:
    return asks(name, requests) | {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("inits", "cpus"),
    [
        ([sidecar("s", {"cpu": "1"})], 3),
        ([sidecar("s", {"cpu": "1"}), sidecar("t", {"cpu": "2"})], 5),
        ([sidecar("s", {"cpu": "1"}), asks("i", {"cpu": "4"})], 5),
        ([asks("i", {"cpu": "4"}), sidecar("s", {"cpu": "1"})], 4),
        ([sidecar("s", {"cpu": "3"}), asks("i", {"cpu": "1"}), sidecar("t", {"cpu": "3"})], 8),
    ],
)
def test_sidecars_count_beside_what_runs_after_them(inits: list[dict[str, Any]], cpus: int) -> None:
    plan = compiled(pod(asks(requests={"cpu": "2"}), initContainers=inits), BARE)
    assert plan.submit["request_cpus"] == str(cpus)


def test_limits_of_single_containers_are_handed_on() -> None:
    found = first(compiled(pod(asks(limits={"memory": "1Gi", "ephemeral-storage": "1M"}))))
    assert (found.memory_limit, found.storage_limit) == (1 << 30, 1_000_000)
    found = first(compiled(pod(asks(requests={"memory": "1Gi"}))))
    assert (found.memory_limit, found.storage_limit) == (None, None)


def test_a_limit_of_nothing_is_none_and_a_part_of_a_byte_is_a_byte() -> None:
    found = first(compiled(pod(asks(limits={"memory": "0", "ephemeral-storage": "0Gi"}))))
    assert (found.memory_limit, found.storage_limit) == (None, None)
    found = first(compiled(pod(asks(limits={"memory": "100m", "ephemeral-storage": "1500m"}))))
    assert (found.memory_limit, found.storage_limit) == (1, 2)


@pytest.mark.parametrize(
    ("of_pod", "containers", "cpus", "memory"),
    [
        ({"requests": {"cpu": "3", "memory": "1Gi"}}, {}, "3", 1024),
        (
            {"requests": {"cpu": "1", "memory": "1Gi"}},
            {"limits": {"memory": "2Gi"}, "requests": {"cpu": "1"}},
            "2",
            4096,
        ),
        ({"limits": {"memory": "3Gi"}}, {"limits": {"memory": "2Gi"}}, "1", 3072),
        ({"limits": {"memory": "0"}}, {"limits": {"memory": "2Gi"}}, "1", 4096),
        ({"limits": {"cpu": "2", "memory": "3Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}, {}, "1", 3072),
    ],
)
def test_resources_of_the_pod_as_a_whole_are_the_job_s(of_pod: Json, containers: Json, cpus: str, memory: int) -> None:
    two = [container(name, resources=containers) for name in ("a", "b")]
    submit = compiled(pod(*two, resources=of_pod)).submit
    assert (submit["request_cpus"], submit["request_memory"]) == (cpus, str(memory + 64))


def test_of_the_pod_as_a_whole_too_only_what_a_job_has_can_be_asked() -> None:
    asked = {"limits": {"hugepages-2Mi": "4Mi"}, "claims": [{"name": "g"}]}
    assert reasons(pod(resources=asked)) == (
        "this field is not supported at this site: remove it (resources.claims)",
        'resource "hugepages-2Mi" is not offered at this site: remove it (resources.limits.hugepages-2Mi)',
    )
