"""What the supervisor is told: `plan.json` in the payload, written by the compile step and read here.

Both sides use these types, so there is one description of the file. All text is data: nothing in it is ever parsed by a shell.
"""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

VERSION = 1
PLAN_FILE = "plan.json"
VOLUMES = "volumes"  # folder of the payload: volumes/<volume>/<path of the file in the volume>

INIT = "init"
MAIN = "main"

FILES = "files"  # ConfigMap, Secret, projected and downward API volumes: files of the payload, never writable
EMPTY = "empty"  # emptyDir
HOST = "host"  # a path of the worker node


OWN_ADDRESS = "\0"
"""Stands in texts of a container where the pod's own address belongs, which only the job knows; no text of a pod's holds it."""


class Volume(NamedTuple):
    """A volume of the pod. `path` and `path_type` (as in a hostPath volume) belong to HOST, the others to EMPTY."""

    name: str
    kind: str
    path: str = ""
    path_type: str = ""
    memory: bool = False
    size_limit: Optional[int] = None


class Mount(NamedTuple):
    """Where a container sees a volume, or the file or directory `sub_path` of it."""

    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False


class Image(NamedTuple):
    """An image as the pod names it, the directories to look for it in that order, and what to pull if none is there."""

    name: str
    candidates: List[str]
    pull: str = ""


class Container(NamedTuple):
    """A container, with `$(VAR)` already expanded. An empty `command` or `args` means the image's.

    `command`, `args`, values of `env` and sub-paths may hold OWN_ADDRESS.
    """

    name: str
    kind: str
    image: Image
    command: List[str]
    args: List[str]
    env: List[Tuple[str, str]]
    work_dir: str
    mounts: List[Mount]
    read_only_root: bool = False
    gpu: str = ""  # "nvidia", "amd"
    message_path: str = "/dev/termination-log"
    message_from_log: bool = False


def with_address(container: Container, address: str) -> Container:
    """The container with the pod's own address where it belongs."""

    def filled(text: str) -> str:
        return text.replace(OWN_ADDRESS, address)

    return container._replace(
        command=[filled(text) for text in container.command],
        args=[filled(text) for text in container.args],
        env=[(name, filled(value)) for name, value in container.env],
        mounts=[mount._replace(sub_path=filled(mount.sub_path)) for mount in container.mounts],
    )


class HostAlias(NamedTuple):
    """Further names of an address, for /etc/hosts."""

    ip: str
    hostnames: List[str]


class Pod(NamedTuple):
    """The whole plan. The pod is ended `deadline_seconds` after the supervisor's start, `deadline_message` says why."""

    version: int
    uid: str
    namespace: str
    name: str
    hostname: str
    deadline_seconds: int
    deadline_message: str
    grace_seconds: int
    kept_log_bytes: int
    streamed_log_bytes: int
    host_aliases: List[HostAlias]
    volumes: List[Volume]
    containers: List[Container]


class UnreadablePlan(Exception):
    """The payload's plan isn't one that this supervisor understands."""


def encode(pod: Pod) -> bytes:
    """`plan.json`, the same bytes for the same plan."""
    return json.dumps(_plain(pod), sort_keys=True, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Pod:
    """The plan in `data`. Raises UnreadablePlan."""
    try:
        raw = json.loads(data.decode("ascii"))
        if raw["version"] != VERSION:
            raise UnreadablePlan("the plan has version %r, this supervisor understands %d" % (raw["version"], VERSION))
        return Pod(
            **dict(
                raw,
                host_aliases=[HostAlias(**alias) for alias in raw["host_aliases"]],
                volumes=[Volume(**volume) for volume in raw["volumes"]],
                containers=[_container(container) for container in raw["containers"]],
            )
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadablePlan("the plan can't be read: %s: %s" % (type(error).__name__, error)) from error


def _container(raw: Dict[str, Any]) -> Container:
    return Container(
        **dict(
            raw,
            image=Image(**raw["image"]),
            env=[(name, value) for name, value in raw["env"]],
            mounts=[Mount(**mount) for mount in raw["mounts"]],
        )
    )


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
