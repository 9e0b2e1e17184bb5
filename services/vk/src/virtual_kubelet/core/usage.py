"""What the node and its pods use, as kubelets tell it: the Summary API, and the text that metrics-server reads.

A site measures pods, and the node is the sum of its pods and of this process. A node's CPU time is a counter, which must not fall
when a pod ends: what each container added since it was told of last is added up here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from interlink.protocol.types import ContainerUsage, PodUsage

from virtual_kubelet.core.timestamp import unix_time

NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class OwnUsage:
    """Of this process: CPU in seconds since its start, memory in bytes, and when it started (Unix seconds)."""

    cpu_seconds: float
    memory_bytes: int
    started: float


@dataclass(frozen=True, slots=True)
class PodSample:
    """A pod's usage under its name; times in Unix seconds."""

    uid: str
    namespace: str
    name: str
    taken: float
    started: float
    containers: tuple[ContainerUsage, ...]

    def started_of(self, container: ContainerUsage) -> float:
        """Since when the container's CPU time counts: a container that was started again counts from nothing."""
        own = unix_time(container.started)
        return self.started if own is None or own > self.taken else own

    def total(self, what: str) -> int:
        """The sum over its containers of one field of ContainerUsage."""
        return sum(getattr(container, what) for container in self.containers)


@dataclass(frozen=True, slots=True)
class NodeSample:
    """The node's usage and that of its pods, as of `taken`."""

    taken: float
    started: float
    cpu_nano_seconds: int
    cpu_nano_cores: int
    memory_bytes: int
    rootfs_bytes: int
    pods: tuple[PodSample, ...]


@dataclass(slots=True)
class UsageLedger:
    """Adds up the node's CPU time over all containers that ever were."""

    total: int = 0
    last: dict[tuple[str, str], int] = field(default_factory=dict)

    def sample(
        self, pods: Iterable[PodSample], own: OwnUsage, now: float, is_held: Callable[[str], bool]
    ) -> NodeSample:
        """The node at `now`, from what is told of its pods; of a pod that is held the last word counts while nothing is told."""
        every = tuple(pods)
        self.last = {key: used for key, used in self.last.items() if is_held(key[0])}
        for pod, container in _containers(every):
            key = pod.uid, container.name
            used, known = container.cpuNanoSeconds, self.last.get(key, 0)
            # a container that was started again counts from nothing
            self.total += used - known if used >= known else used
            self.last[key] = used
        cores = sum(pod.total("cpuNanoCores") for pod in every)
        own_share = int(own.cpu_seconds * NANO / max(1.0, now - own.started))
        return NodeSample(
            taken=now,
            started=own.started,
            cpu_nano_seconds=self.total + int(own.cpu_seconds * NANO),
            cpu_nano_cores=cores + own_share,
            memory_bytes=sum(pod.total("memoryBytes") for pod in every) + own.memory_bytes,
            rootfs_bytes=sum(pod.total("rootfsBytes") for pod in every),
            pods=every,
        )


def pod_sample(usage: PodUsage, namespace: str, name: str, containers: frozenset[str]) -> PodSample | None:
    """What was told of a pod whose containers have these names; None if there is nothing in it to believe."""
    taken = unix_time(usage.time)
    started = unix_time(usage.started)
    known = {each.name: _sane(each) for each in usage.containers if each.name in containers}
    if taken is None or not known:
        return None
    return PodSample(usage.UID, namespace, name, taken, taken if started is None else started, tuple(known.values()))


def _sane(usage: ContainerUsage) -> ContainerUsage:
    """Numbers come from where users' code runs: none is negative."""
    return ContainerUsage(
        usage.name,
        max(0, usage.cpuNanoCores),
        max(0, usage.cpuNanoSeconds),
        max(0, usage.memoryBytes),
        max(0, usage.rootfsBytes),
        usage.started,
    )


def _containers(pods: Iterable[PodSample]) -> Iterator[tuple[PodSample, ContainerUsage]]:
    return ((pod, container) for pod in pods for container in pod.containers)
