"""Which generation of the pod's specification a status is about (KEP-5067): a kubelet notes it in the status and its conditions.

An API server that does not keep the fields would be told them again with every write, so they are only sent to one that does.
"""

import re

from virtual_kubelet.model.pod import JsonObject

OWN_CONDITIONS = frozenset(
    {"PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready", "DisruptionTarget", "PodResizePending"}
)
_SINCE = (1, 34)  # on by default from there on
_VERSION = re.compile(r"v(\d+)\.(\d+)")


def keeps_generations(api_version: str) -> bool:
    """Does an API server of this version (`v1.34.1`) keep the field?"""
    found = _VERSION.match(api_version)
    return found is not None and (int(found[1]), int(found[2])) >= _SINCE


def observed(status: JsonObject, generation: object) -> JsonObject:
    """`status` with the generation that it was made for; as it is where the pod has none."""
    if not isinstance(generation, int) or generation <= 0:
        return status
    conditions = [
        entry | ({"observedGeneration": generation} if entry.get("type") in OWN_CONDITIONS else {})
        for entry in status.get("conditions") or []
    ]
    return status | {"observedGeneration": generation, "conditions": conditions}
