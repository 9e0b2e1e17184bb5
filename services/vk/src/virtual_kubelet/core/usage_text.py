"""`/metrics/resource`: the text that metrics-server reads of a kubelet, with a kubelet's names (KEP-727) and timestamps.

It drops a node or a container of which CPU time or memory is 0: what was not measured is left out by itself.
"""

from collections.abc import Callable, Iterable, Iterator

from interlink.protocol.types import ContainerUsage

from virtual_kubelet.core.usage import NANO, NodeSample, PodSample

_Line = tuple[str, float | int, float | None]  # labels, value, time in Unix seconds


def resource_metrics(sample: NodeSample | None) -> str:
    """The text; without a sample only that there is none."""
    parts = list(_of_sample(sample)) if sample is not None else []
    error = 1 if sample is None else 0
    for name in ("resource_scrape_error", "scrape_error"):
        parts += _metric(
            name, "gauge", "1 if there was an error while getting the usage, 0 otherwise", [("", error, None)]
        )
    return "\n".join(parts) + "\n"


def _of_sample(sample: NodeSample) -> Iterator[str]:
    node, pods = sample.taken, sample.pods
    yield from _metric(
        "node_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the node in core-seconds",
        [("", sample.cpu_nano_seconds / NANO, node)],
    )
    yield from _metric(
        "node_memory_working_set_bytes",
        "gauge",
        "Current working set of the node in bytes",
        [("", sample.memory_bytes, node)],
    )
    for noun, lines in (("container", _container_lines), ("pod", _pod_lines)):
        yield from _metric(
            f"{noun}_cpu_usage_seconds_total",
            "counter",
            f"Cumulative cpu time consumed by the {noun} in core-seconds",
            lines(pods, lambda each: each.cpuNanoSeconds / NANO),
        )
        yield from _metric(
            f"{noun}_memory_working_set_bytes",
            "gauge",
            f"Current working set of the {noun} in bytes",
            lines(pods, lambda each: each.memoryBytes),
        )
    yield from _metric(
        "container_start_time_seconds",
        "gauge",
        "Start time of the container since unix epoch in seconds",
        [(_labels(pod, each.name), pod.started_of(each), None) for pod in pods for each in pod.containers],
    )


Amount = Callable[[ContainerUsage], float]


def _container_lines(pods: Iterable[PodSample], amount: Amount) -> list[_Line]:
    return [
        (_labels(pod, each.name), amount(each), pod.taken) for pod in pods for each in pod.containers if amount(each)
    ]


def _pod_lines(pods: Iterable[PodSample], amount: Amount) -> list[_Line]:
    sums = ((pod, sum(amount(each) for each in pod.containers)) for pod in pods)
    return [(_labels(pod), total, pod.taken) for pod, total in sums if total]


def _labels(pod: PodSample, container: str = "") -> str:
    named = [("container", container)] if container else []
    pairs = [*named, ("namespace", pod.namespace), ("pod", pod.name)]
    return "{" + ",".join(f'{key}="{value}"' for key, value in pairs) + "}"


def _metric(name: str, kind: str, words: str, lines: Iterable[_Line]) -> list[str]:
    made = [
        f"{name}{labels} {value!r}" + ("" if taken is None else f" {int(taken * 1000)}")
        for labels, value, taken in lines
    ]
    return [f"# HELP {name} [STABLE] {words}", f"# TYPE {name} {kind}", *made] if made else []
