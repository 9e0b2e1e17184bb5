"""Carries out an update that the sidecar sent: new contents of the pod's ConfigMaps, Secrets and the like."""

import base64
from typing import Any, Dict

from .plan import FILES, Pod
from .sandbox import Sandbox
from .volume_files import BadVolumeFile, VolumeFile, write_files


class BadUpdate(Exception):
    """The update can't be carried out; what it has before the part that can't was carried out."""


def write_volumes(volumes: Dict[str, Any], pod: Pod, sandbox: Sandbox) -> None:
    """Replace the files of these volumes: `{volume: {path: [mode, base64]}}`. Raises BadUpdate."""
    known = {volume.name for volume in pod.volumes if volume.kind == FILES}
    try:
        for name, files in volumes.items():
            if name not in known:
                raise BadUpdate("the pod has no volume %r of files" % name)
            write_files(sandbox.volume(name), {path: _file(*file) for path, file in files.items()})
    except (BadVolumeFile, OSError, TypeError, ValueError, AttributeError) as error:
        raise BadUpdate("%s: %s" % (type(error).__name__, error)) from error


def _file(mode: int, content: str) -> VolumeFile:
    return int(mode), base64.b64decode(content, validate=True)
