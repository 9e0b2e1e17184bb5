"""Carries out an update that the sidecar sent: new contents of the pod's ConfigMaps, Secrets and the like."""

import base64
from typing import Any, Dict, Optional

from .plan import FILES, Pod
from .sandbox import Sandbox
from .volume_files import BadVolumeFile, VolumeFile, check, write_files


class BadUpdate(Exception):
    """The update can't be carried out, and nothing of it was, unless the disk is full."""


def deadline(message: Dict[str, Any]) -> Optional[int]:
    """The deadline that an update sets, None if it sets none. Raises BadUpdate."""
    seconds = message.get("deadline_seconds")
    if seconds is not None and not isinstance(seconds, int):
        raise BadUpdate("deadline_seconds is no number: %r" % (seconds,))
    return seconds


def write_volumes(volumes: Dict[str, Any], pod: Pod, sandbox: Sandbox) -> None:
    """Replace the files of these volumes: `{volume: {path: [mode, base64]}}`. Raises BadUpdate."""
    known = {volume.name for volume in pod.volumes if volume.kind == FILES}
    contents: Dict[str, Dict[str, VolumeFile]] = {}
    try:
        for name, files in volumes.items():
            if name not in known:
                raise BadUpdate("the pod has no volume %r of files" % name)
            check(files)
            contents[name] = {path: _file(*file) for path, file in files.items()}
        for name, content in contents.items():
            write_files(sandbox.volume(name), content)
    except (BadVolumeFile, OSError, TypeError, ValueError, AttributeError) as error:
        raise BadUpdate("%s: %s" % (type(error).__name__, error)) from error


def _file(mode: int, content: str) -> VolumeFile:
    return int(mode), base64.b64decode(content, validate=True)
