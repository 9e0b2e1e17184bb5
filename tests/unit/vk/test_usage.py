"""What is told of the usage of node and pods, to metrics-server and to who asks for the summary."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application
from interlink.protocol.errors import LostTrack
from interlink.protocol.types import ContainerUsage, PodUsage
from prometheus_client.parser import text_string_to_metric_families
from virtual_kubelet import metrics
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.timestamp import unix_time
from virtual_kubelet.core.usage import OwnUsage, PodSample, UsageLedger, pod_sample
from virtual_kubelet.core.usage_summary import summary
from virtual_kubelet.core.usage_text import resource_metrics
from virtual_kubelet.io.node_stats import FRESH_SECONDS, NodeStats

from tests.unit.vk.pods import UID, container, pod

NOW = 1_767_225_700.0
OWN = OwnUsage(cpu_seconds=2.0, memory_bytes=1000, started=NOW - 100)
SECOND = 1_000_000_000


def used(name: str = "a", seconds: float = 3, memory: int = 500) -> ContainerUsage:
    return ContainerUsage(name, cpuNanoCores=SECOND // 2, cpuNanoSeconds=int(seconds * SECOND), memoryBytes=memory)


def sampled(*containers: ContainerUsage, uid: str = UID) -> PodSample:
    return PodSample(uid, "ns", "p", NOW - 5, NOW - 50, containers)


def values(text: str, name: str) -> list[tuple[dict[str, str], float, Any]]:
    family = [f for f in text_string_to_metric_families(text) if f.name == name.removesuffix("_total")]
    return [(s.labels, s.value, s.timestamp) for f in family for s in f.samples]


def held(_uid: str) -> bool:
    return True


def test_the_text_has_a_kubelet_s_names_and_the_times_of_measurement() -> None:
    node = UsageLedger().sample([sampled(used("a"), used("b", 1, 100))], OWN, NOW, held)
    text = resource_metrics(node)
    labels = {"namespace": "ns", "pod": "p"}
    assert values(text, "node_cpu_usage_seconds_total") == [({}, 6.0, NOW)]
    assert values(text, "node_memory_working_set_bytes") == [({}, 1600.0, NOW)]
    assert values(text, "container_cpu_usage_seconds_total") == [
        ({"container": "a", **labels}, 3.0, NOW - 5),
        ({"container": "b", **labels}, 1.0, NOW - 5),
    ]
    assert values(text, "pod_memory_working_set_bytes") == [(labels, 600.0, NOW - 5)]
    assert values(text, "container_start_time_seconds")[0] == ({"container": "a", **labels}, NOW - 50, None)
    assert values(text, "scrape_error") == values(text, "resource_scrape_error") == [({}, 0.0, None)]


@pytest.mark.parametrize(
    ("started", "expected"),
    [("2026-01-01T00:01:30Z", NOW - 10), ("", NOW - 50), ("x", NOW - 50), ("2027-01-01T00:00:00Z", NOW - 50)],
)
def test_a_container_s_time_counts_from_its_own_start(started: str, expected: float) -> None:
    """metrics-server would take the first CPU time after a restart for a counter that fell."""
    usage = PodUsage(UID, "2026-01-01T00:01:35Z", "2026-01-01T00:00:50Z", [used()])
    usage.containers[0].started = started
    sample = pod_sample(usage, "ns", "p", frozenset("a"))
    assert sample is not None
    node = UsageLedger().sample([sample], OWN, NOW, held)
    assert values(resource_metrics(node), "container_start_time_seconds")[0][1] == expected
    (told,) = summary("node", node)["pods"]
    assert unix_time(told["containers"][0]["startTime"]) == expected
    assert unix_time(told["startTime"]) == NOW - 50


def test_what_was_not_measured_is_left_out_and_not_told_as_nothing() -> None:
    """metrics-server drops the whole pod for one container that uses 0."""
    node = UsageLedger().sample([sampled(used("a"), used("b", 0, 0))], OWN, NOW, held)
    text = resource_metrics(node)
    assert [labels["container"] for labels, *_ in values(text, "container_cpu_usage_seconds_total")] == ["a"]


def test_a_node_s_cpu_time_never_falls() -> None:
    ledger = UsageLedger()
    steps = [
        ([sampled(used(seconds=10))], 10),
        ([sampled(used(seconds=15))], 15),
        ([], 15),  # the site said nothing of it this time
        ([sampled(used(seconds=16))], 16),
        ([sampled(used(seconds=2))], 18),  # it was started again
        ([sampled(used(seconds=4), uid="other")], 22),
    ]
    for pods, expected in steps:
        node = ledger.sample(pods, OWN, NOW, held)
        assert node.cpu_nano_seconds == (expected + 2) * SECOND
    assert ledger.sample([], OWN, NOW, lambda _uid: False).cpu_nano_seconds == 24 * SECOND
    assert ledger.last == {}


@pytest.mark.parametrize(
    "usage",
    [
        PodUsage(UID, "yesterday", "", [used()]),
        PodUsage(UID, "2026-01-01T00:00:00Z", "", [used("stranger")]),
        PodUsage(UID, "2026-01-01T00:00:00Z", "", []),
    ],
)
def test_what_can_t_be_believed_is_no_sample(usage: PodUsage) -> None:
    assert pod_sample(usage, "ns", "p", frozenset("a")) is None


def test_nothing_is_negative() -> None:
    odd = PodUsage(UID, "2026-01-01T00:00:00Z", "x", [ContainerUsage("a", -1, -1, -1, -1)])
    made = pod_sample(odd, "ns", "p", frozenset("a"))
    assert made is not None and made.containers[0] == ContainerUsage("a")


class Site:
    """A site that says what pods use, or fails to."""

    def __init__(self) -> None:
        self.measures = True
        self.asked = 0
        self.failure: LostTrack | None = None

    async def stats(self) -> list[PodUsage]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return [
            PodUsage(UID, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", [used(), used("stranger")]),
            PodUsage("nobody's", "2026-01-01T00:00:00Z", "", [used()]),
        ]


class Node:
    def __init__(self) -> None:
        self.site, self.now = Site(), NOW
        registry = Registry()
        registry.seen(pod([container("a")], status={"phase": "Running"}))
        self.app = Application()
        NodeStats("node", registry, self.site, lambda: self.now).add_routes(self.app.router)


@pytest.fixture
async def node() -> Node:
    return Node()


@pytest.fixture
async def client(node: Node) -> Any:
    async with TestClient(TestServer(node.app)) as made:
        yield made


async def test_the_summary_names_node_and_pods(node: Node, client: Any) -> None:
    async with client.get("/stats/summary") as response:
        found = await response.json()
    assert found["node"]["nodeName"] == "node"
    (only,) = found["pods"]
    assert only["podRef"] == {"name": "p", "namespace": "ns", "uid": UID}
    assert [each["name"] for each in only["containers"]] == ["a"]
    assert only["cpu"]["usageCoreNanoSeconds"] == 3 * SECOND
    assert only["memory"]["workingSetBytes"] == 500
    assert found["node"]["memory"]["workingSetBytes"] > 500  # and this process


async def test_the_site_is_asked_once_for_all_who_ask(node: Node, client: Any) -> None:
    for path in ("/stats/summary", "/metrics/resource", "/stats/summary"):
        async with client.get(path) as response:
            assert response.status == 200
    assert node.site.asked == 1
    node.now += FRESH_SECONDS
    async with client.get("/metrics/resource"):
        assert node.site.asked == 2


async def test_a_site_that_fails_is_an_error_and_no_zero(node: Node, client: Any) -> None:
    node.site.failure = LostTrack("away")
    async with client.get("/stats/summary") as response:
        assert (response.status, "away" in await response.text()) == (503, True)
    async with client.get("/metrics/resource") as response:
        text = await response.text()
    assert values(text, "resource_scrape_error") == [({}, 1.0, None)]
    assert "node_cpu" not in text


async def test_a_site_that_measures_nothing_leaves_the_node_alone_with_itself(node: Node, client: Any) -> None:
    node.site.measures = False
    async with client.get("/metrics/resource") as response:
        text = await response.text()
    assert node.site.asked == 0
    assert values(text, "container_cpu_usage_seconds_total") == []
    assert values(text, "node_memory_working_set_bytes")[0][1] > 0


async def test_our_own_metrics_are_there_too(client: Any) -> None:
    metrics.QUEUE.clear()
    metrics.QUEUE.labels("write", "ready").set(3)
    async with client.get("/metrics") as response:
        text = await response.text()
    assert values(text, "virtual_kubelet_queue_pods") == [({"lane": "write", "state": "ready"}, 3.0, None)]
