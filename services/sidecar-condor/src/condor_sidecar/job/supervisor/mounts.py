"""What a container sees beside its image: its volumes, /etc/hosts, and the folder that it starts from."""

import os
from typing import Dict, List, Mapping, NamedTuple

from . import rootfs
from .plan import EMPTY, FILES, HOST, Container, Pod, Volume
from .sandbox import Sandbox

CREATE = "OrCreate"  # how the types of hostPath volumes end whose path is made if it is missing
START_FOLDER = "/.highrate"  # in the container: the launcher, its status file, the termination message


class Bind(NamedTuple):
    """A file or directory of the worker node, and where the container sees it."""

    source: str
    path: str
    read_only: bool


class BadMount(Exception):
    """A volume can't be mounted as the pod asks; the text is for the user."""


def binds(pod: Pod, container: Container, sandbox: Sandbox) -> List[Bind]:
    """The binds of a container's volumes, in the pod's order. Raises BadMount."""
    volumes = {volume.name: volume for volume in pod.volumes}
    found = []
    for mount in container.mounts:
        volume = volumes[mount.volume]
        source = _source(volume, sandbox)
        if mount.sub_path:
            writable = volume.kind in (EMPTY, FILES) or (volume.kind == HOST and not mount.read_only)
            source = _below(source, mount.sub_path, create=writable, what=volume.name)
        found.append(Bind(source, mount.path, mount.read_only or volume.kind == FILES))
    return found


def placed(layers: List[str], unplaced: List[Bind]) -> List[Bind]:
    """Binds with their paths free of the image's symbolic links, which Apptainer follows only half; outer ones first."""
    resolved = [bind._replace(path=rootfs.resolve(layers, bind.path)) for bind in unplaced]
    return sorted(resolved, key=lambda bind: bind.path.count("/"))


def _source(volume: Volume, sandbox: Sandbox) -> str:
    if volume.kind != HOST:
        # as it is, were it a link: Apptainer skips what comes from /dev/shm and goes below /dev
        return sandbox.volume(volume.name)
    kind, path = volume.path_type, _inside(volume)
    if kind.endswith(CREATE):
        kind = kind[: -len(CREATE)]
        _make(volume, path, kind)
    check = {"": os.path.exists, "Directory": os.path.isdir, "File": os.path.isfile}[kind]
    if not check(path):
        what = kind.lower() or "file or directory"
        raise BadMount(
            'MountVolume.SetUp failed for volume "%s": there is no %s %s on this machine'
            % (volume.name, what, volume.path)
        )
    return path


def _inside(volume: Volume) -> str:
    """Where the volume's path leads when links are followed: they are made by whoever may write there, users for one, and must not
    lead out of what the site offers."""
    path, root = os.path.realpath(volume.path), os.path.realpath(volume.root or volume.path)
    if os.path.commonpath([root, path]) != root:
        raise BadMount(
            'MountVolume.SetUp failed for volume "%s": %s leads out of %s by a link, which this site doesn\'t allow'
            % (volume.name, volume.path, volume.root)
        )
    return path


def _make(volume: Volume, path: str, kind: str) -> None:
    """Make what isn't there, as a kubelet does: a directory with those above it, or an empty file in one that exists."""
    try:
        if kind == "Directory":
            os.makedirs(path, mode=0o755, exist_ok=True)
        elif not os.path.lexists(path):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
    except OSError as error:
        raise BadMount(
            'MountVolume.SetUp failed for volume "%s": %s can\'t be made on this machine: %s'
            % (volume.name, volume.path, error.strerror)
        ) from error


def _below(root: str, sub_path: str, create: bool, what: str) -> str:
    """The file or directory `sub_path` of a volume, made as a directory if need be. Symbolic links don't lead out of the volume."""
    base, path = os.path.realpath(root), os.path.realpath(os.path.join(root, sub_path))
    if os.path.commonpath([base, path]) != base:
        raise BadMount('subPath "%s" of volume "%s" leads out of the volume' % (sub_path, what))
    if not os.path.exists(path):
        if not create:
            raise BadMount('there is no "%s" in volume "%s"' % (sub_path, what))
        os.makedirs(path, mode=0o755)
    return os.path.join(root, os.path.relpath(path, base))


def work_dir_in_volume(work_dir: str, mounted: List[Bind]) -> bool:
    """Whether a container's working directory lies in a volume; it is made there if it is missing, as a container runtime does."""
    inside = [bind for bind in mounted if work_dir == bind.path or work_dir.startswith(bind.path.rstrip("/") + "/")]
    if not inside:
        return False
    bind = inside[-1]
    base = os.path.realpath(bind.source)
    path = os.path.realpath(os.path.join(base, os.path.relpath(work_dir, bind.path)))
    # an earlier container may have left a link there, which must not lead out of the volume
    if not bind.read_only and os.path.commonpath([base, path]) == base and not os.path.exists(path):
        os.makedirs(path, mode=0o755, exist_ok=True)
    return True


def gpu_environment(environment: Mapping[str, str]) -> Dict[str, str]:
    """What HTCondor tells a job about the GPUs it was given."""
    return {
        name: environment[name]
        for name in ("CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
        if name in environment
    }
