"""Where a session's files are: what stays (home), what doesn't (scratch, run), and what is read only (CVMFS, authorities).

Values of KubeSpawner's traits `volumes` and `volume_mounts`, as dicts: those of z2jh (`singleuser.storage.extraVolumes`, extra
files) stay beside them.
"""

from typing import Any

from hub_config.settings import Platform

RUN_PATH = "/run/highrate"
CA_FOLDER = "/etc/highrate/ca"
SCRATCH_PATH = "/scratch"
CVMFS_PATH = "/cvmfs"
HOME_VOLUME = "highrate-home"
CVMFS_VOLUME = "highrate-cvmfs"
# tokens and a proxy certificate: kilobytes
_RUN_SIZE = "16Mi"

# safe_slug of KubeSpawner: no two names share it. Not {user_server}: named servers share the home.
PVC_NAME_TEMPLATE = "claim-{username}"


def volumes(platform: Platform) -> dict[str, dict[str, Any]]:
    """By a key of ours, the volumes of a session's pod. `{pvc_name}` is filled in by KubeSpawner."""
    found: dict[str, dict[str, Any]] = {
        HOME_VOLUME: {"persistentVolumeClaim": {"claimName": "{pvc_name}"}},
        "highrate-scratch": {"emptyDir": {"sizeLimit": platform.scratch.limit}},
        "highrate-run": {"emptyDir": {"medium": "Memory", "sizeLimit": _RUN_SIZE}},
    }
    if platform.tokens.ca_config_map:
        found["highrate-ca"] = {"configMap": {"name": platform.tokens.ca_config_map}}
    if platform.cvmfs.mode == "pvc":
        found[CVMFS_VOLUME] = {"persistentVolumeClaim": {"claimName": platform.cvmfs.claim}}
    elif platform.cvmfs.mode == "hostPath":
        found[CVMFS_VOLUME] = {"hostPath": {"path": platform.cvmfs.path, "type": "Directory"}}
    return {name: {"name": name, **source} for name, source in found.items()}


def mounts(platform: Platform) -> dict[str, dict[str, Any]]:
    """By the same keys, where the volumes are mounted."""
    found: dict[str, dict[str, Any]] = {
        HOME_VOLUME: {"mountPath": platform.home.mount_path},
        "highrate-scratch": {"mountPath": SCRATCH_PATH},
        "highrate-run": {"mountPath": RUN_PATH},
    }
    if platform.tokens.ca_config_map:
        found["highrate-ca"] = {"mountPath": CA_FOLDER, "readOnly": True}
    if platform.cvmfs.mode != "none":
        # HostToContainer: the repositories are mounted when they are first used, after the session began. Without it an
        # automounted folder answers "Too many levels of symbolic links" (documented by cvmfs-csi).
        found[CVMFS_VOLUME] = {
            "mountPath": CVMFS_PATH,
            "readOnly": True,
            "mountPropagation": "HostToContainer",
        }
    return {name: {"name": name, **place} for name, place in found.items()}
