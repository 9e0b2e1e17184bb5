"""What is added to a pod while it runs: ephemeral containers (`kubectl debug`), volumes that only they mount, logins for pulls.

They come with an update (channel_protocol.py), again with each later one: what the pod has already is left alone, so that nothing
is started twice, whoever was restarted meanwhile. Both sides use these functions.
"""

import base64
from typing import Any, Collection, Dict, List, NamedTuple, Optional

from .plan import EMPTY, EPHEMERAL, FILES, REGISTRY, Container, Pod, Volume, container_of, plain
from .sandbox import Sandbox
from .update import BadUpdate
from .volume_files import BadVolumeFile, write_files

MOST = 32
"""Ephemeral containers of one pod: each keeps a log of up to 512 KiB, and there is no more room for a pod's logs."""


class Additions(NamedTuple):
    """`volumes` are all that the containers mount; `logins` maps paths as in `Image.auths` to the files' content."""

    containers: List[Container]
    volumes: List[Volume]
    logins: Dict[str, bytes]


NOTHING = Additions([], [], {})


def encode(added: Additions) -> Dict[str, Any]:
    """As it stands in the message."""
    logins = {path: base64.b64encode(content).decode("ascii") for path, content in added.logins.items()}
    return {"containers": plain(added.containers), "volumes": plain(added.volumes), "logins": logins}


def read(raw: Optional[Dict[str, Any]], pod: Pod, known: Collection[str]) -> Additions:
    """What of `raw` the pod hasn't yet; `known` are the names of its containers. Raises BadUpdate."""
    if raw is None:
        return NOTHING
    try:
        containers = [container_of(each) for each in raw["containers"] if each["name"] not in known]
        there = {volume.name for volume in pod.volumes}
        volumes = [Volume(**each) for each in raw["volumes"] if each["name"] not in there]
        logins = {str(path): base64.b64decode(text, validate=True) for path, text in raw["logins"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadUpdate("additions can't be read: %s: %s" % (type(error).__name__, error)) from error
    if any(container.kind != EPHEMERAL for container in containers):
        raise BadUpdate("only ephemeral containers can be added to a pod")
    wanted = {path for container in containers for path in container.image.auths}
    return Additions(containers, volumes, {path: content for path, content in logins.items() if path in wanted})


def with_volumes(added: Additions, pod: Pod, sandbox: Sandbox) -> Pod:
    """Make ready what the containers need beside their images; the pod with its new volumes. Raises BadUpdate."""
    try:
        for volume in added.volumes:
            if volume.kind == EMPTY:
                sandbox.make_empty(volume)
            elif volume.kind == FILES:
                write_files(sandbox.volume(volume.name), {})  # the same update brings them
        for path, content in added.logins.items():
            folder, _, name = path.partition("/")
            if folder != REGISTRY or "/" in name:
                raise BadUpdate("%r is no file of credentials" % path)
            sandbox.write_login(name, content)
    except (OSError, BadVolumeFile) as error:
        raise BadUpdate("%s: %s" % (type(error).__name__, error)) from error
    return pod._replace(volumes=[*pod.volumes, *added.volumes])
