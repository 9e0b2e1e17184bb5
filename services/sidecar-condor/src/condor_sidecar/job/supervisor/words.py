"""What is said about containers: a kubelet's words, which people and tools know."""

from typing import Optional

from .plan import Pod

NORMAL, WARNING = "Normal", "Warning"  # kinds of events
UNITS = ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


def pod_name(pod: Pod) -> str:
    """A pod as a kubelet names it."""
    return "%s_%s(%s)" % (pod.name, pod.namespace, pod.uid)


def crash_loop(pause: float, container: str, pod: Pod) -> str:
    """Why a container waits that ended."""
    return "back-off %s restarting failed container=%s pod=%s" % (duration(pause), container, pod_name(pod))


def restarting(container: str, pod: Pod) -> str:
    """The event for it."""
    return "Back-off restarting failed container %s in pod %s" % (container, pod_name(pod))


def pull_pause(image: str, why: str) -> str:
    """Why a container waits whose image couldn't be had."""
    return 'Back-off pulling image "%s": %s' % (image, why)


def probe_failed(what: str, good: Optional[bool], message: str) -> str:
    """A probe's bad result, or none."""
    if good is None:
        return "%s probe errored and resulted in unknown state: %s" % (what.capitalize(), message)
    return "%s probe failed: %s" % (what.capitalize(), message)


def node_is_full(why: str) -> str:
    """Why a pod is evicted for whose files the worker node has no room; `why` is the system's word."""
    return "The node was low on resource: ephemeral-storage. The job's directory: %s" % why


def not_shared(container: str, target: str) -> str:
    """What of an ephemeral container's `targetContainerName` is not honoured."""
    return (
        "Container %s doesn't see the processes of container %s: in a job each container has its own. "
        "`kubectl exec` reaches those of %s" % (container, target, target)
    )


def duration(seconds: float) -> str:
    """As Go writes it: `10s`, `2m40s`."""
    minutes, rest = divmod(int(seconds), 60)
    return "%dm%ds" % (minutes, rest) if minutes else "%ds" % rest


def quantity(size: int) -> str:
    """A number of bytes as Kubernetes writes it."""
    for unit, suffix in UNITS:
        if size and size % unit == 0:
            return "%d%s" % (size // unit, suffix)
    return str(size)
