"""Where a container sees the pod's volumes."""

import posixpath
from collections.abc import Mapping
from typing import Final

from condor_sidecar.core.compile.expansion import expand, references
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.volumes import Volumes
from condor_sidecar.job.supervisor import plan as job

# Apptainer makes these itself and mounts nothing into them, but for shared memory
PRIVATE: Final = ("/dev", "/proc", "/sys", "/.highrate")
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a path in the container


def mounted_names(containers: list[Node]) -> set[str]:
    """The volumes that some container mounts."""
    return {mount["name"].text() for container in containers for mount in container["volumeMounts"].elements()}


def compile_mounts(
    container: Node, variables: Mapping[str, str], volumes: Volumes, declared: set[str]
) -> list[job.Mount]:
    """The container's mounts; those of volumes that are left out on purpose are left out with them."""
    mounts: list[job.Mount] = []
    for node in container["volumeMounts"].elements():
        name = node["name"].text()
        if name in volumes.left_out:
            continue
        if name not in declared:
            node["name"].reject(f'the pod has no volume "{name}": correct it')
        _check_options(node)
        path = _mount_path(node["mountPath"])
        sub_path = _sub_path(node, variables)
        if path in [mount.path for mount in mounts]:
            node["mountPath"].reject(f'"{path}" is mounted twice: remove one')
        read_only = node["readOnly"].flag() or name in volumes.read_only
        mounts.append(job.Mount(name, path, sub_path, read_only))
    return mounts


def _check_options(node: Node) -> None:
    if node["mountPropagation"].value not in (None, "None"):
        node["mountPropagation"].reject("mounts made later can't be passed on at this site: remove it")
    if node["recursiveReadOnly"].value not in (None, "Disabled", "IfPossible"):
        node["recursiveReadOnly"].reject("this site can't promise it: use IfPossible")


def _mount_path(node: Node) -> str:
    text = node.text()
    path = posixpath.normpath("/" + text.lstrip("/"))
    if not text or path == "/":
        node.reject(f'nothing can be mounted at "{text}": use a directory below /')
    elif path != SHARED_MEMORY and any(path == place or path.startswith(place + "/") for place in PRIVATE):
        node.reject(f'nothing can be mounted at "{text}" at this site: use another path')
    return path


def _sub_path(node: Node, variables: Mapping[str, str]) -> str:
    field = node["subPathExpr"] if node["subPathExpr"].given else node["subPath"]
    text = field.text()
    if node["subPathExpr"].given:
        for name in sorted(references(text) - set(variables)):
            field.reject(f'missing value for "{name}": name a variable of the container\'s env')
        text = expand(text, variables)
    if text.startswith("/") or ".." in text.split("/"):
        field.reject(f'"{text}" leads out of the volume: use a relative path without ".."')
        return ""
    return posixpath.normpath(text) if text else ""
