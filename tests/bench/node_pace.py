"""A virtual node with the defaults of its pace: those of the tests are too fast to measure by."""

from typing import Any

from tests.cluster.vk.virtual_node import VirtualNode

DEFAULTS: dict[str, Any] = {"StatusPoll": {"Min": 1.0, "Max": 10.0}, "PingInterval": 15, "SweepInterval": 180}


async def running(vk: VirtualNode, count: int) -> bool:
    """Whether so many of the node's pods are shown as running."""
    pods = (await vk.api.get(vk.pods))["items"]
    return bool(sum(pod["status"].get("phase") == "Running" for pod in pods) == count)
