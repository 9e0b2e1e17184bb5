"""What a session's pod may not be, whatever its image wants: Kubernetes' restricted Pod Security standard, and no token.

The traits make it so, `objections` looks at the finished pod, since other configuration of the hub can add to it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hub_config.settings import Home, Platform
from hub_config.spawn import restricted
from hub_config.spawn.volumes import CVMFS_VOLUME, volumes

CONTAINER: dict[str, Any] = {
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def traits(home: Home) -> dict[str, Any]:
    """Values of KubeSpawner's traits."""
    return {
        "uid": home.uid,
        "gid": home.gid,
        "fs_gid": home.gid,
        "privileged": False,
        "allow_privilege_escalation": False,
        "container_security_context": CONTAINER,
        "pod_security_context": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            # a home of many files would be walked through at every start otherwise
            "fsGroupChangePolicy": "OnRootMismatch",
        },
        "automount_service_account_token": False,
    }


def objections(pod: Mapping[str, Any], platform: Platform) -> list[str]:
    """What of the finished pod (as JSON) isn't allowed to a session: sentences that begin with the field's path."""
    spec = pod["spec"]
    wanted = volumes(platform).get(CVMFS_VOLUME)
    # the node's /cvmfs, where the values ask for it, is the one folder of a node that a session may see, and only read; its place
    # in the list stays, since the log tells those of the others
    others = [{"name": CVMFS_VOLUME} if volume == wanted else volume for volume in spec.get("volumes") or ()]
    found = restricted.violations({**pod, "spec": {**spec, "volumes": others}})
    if spec.get("automountServiceAccountToken") is not False:
        found.append("spec.automountServiceAccountToken is not false")
    found += _identities(spec)
    if wanted is not None and "hostPath" in wanted:
        found += _written(spec, CVMFS_VOLUME)
    return found


def _identities(spec: Mapping[str, Any]) -> Iterator[str]:
    """Files that make whoever reads them somebody to the API server."""
    for where, volume in restricted.volumes(spec):
        for index, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            for kind in ("serviceAccountToken", "podCertificate"):
                if source.get(kind):
                    yield f"{where}.projected.sources[{index}].{kind} is set"


def _written(spec: Mapping[str, Any], name: str) -> Iterator[str]:
    for where, container in restricted.containers(spec):
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            if mount["name"] == name and mount.get("readOnly") is not True:
                yield f"{where}.volumeMounts[{index}].readOnly is not true"
