"""What the supervisor is told: `plan.json` in the payload, written by the compile step and read here.

Both sides use these types, so there is one description of the file. All text is data: nothing in it is ever parsed by a shell.
"""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

VERSION = 1
PLAN_FILE = "plan.json"
REGISTRY = "registry"  # folder of the payload: credentials for pulls
VOLUMES = "volumes"  # folder of the payload: volumes/<volume>/<path of the file in the volume>

INIT = "init"
SIDECAR = "sidecar"  # an init container with restartPolicy Always: runs beside the others until they have ended
MAIN = "main"
EPHEMERAL = (
    "ephemeral"  # added to the pod while it runs (additions.py): never restarted, and the pod doesn't wait for it
)

ALWAYS, ON_FAILURE, NEVER = "Always", "OnFailure", "Never"  # a pod's restartPolicy

FILES = "files"  # ConfigMap, Secret, projected and downward API volumes: files of the payload, never writable
EMPTY = "empty"  # emptyDir
HOST = "host"  # a path of the worker node


OWN_ADDRESS = "\0"
"""Stands in texts of a container where the pod's own address belongs, which only the job knows; no text of a pod's holds it."""

OWN_DEADLINE = "Pod was active on the node longer than the specified deadline"
"""A kubelet's words for a pod that is ended at the deadline that it asked for."""


class Volume(NamedTuple):
    """A volume of the pod. `path` and `path_type` (as in a hostPath volume: "", Directory, File, DirectoryOrCreate,
    FileOrCreate) belong to HOST, the others to EMPTY. What `path` is at last, links followed, has to lie below `root`, which is
    what the site offers; empty: there is nothing of a user's in `path`."""

    name: str
    kind: str
    path: str = ""
    path_type: str = ""
    memory: bool = False
    size_limit: Optional[int] = None
    root: str = ""


class Mount(NamedTuple):
    """Where a container sees a volume, or the file or directory `sub_path` of it."""

    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False


class Image(NamedTuple):
    """An image as the pod names it, the directories to look for it in that order, and what to pull if none is there.

    `auths` are the payload's files of credentials for that, each of which is tried; `never_pull`: the pod doesn't want it pulled.
    """

    name: str
    candidates: List[str]
    pull: str = ""
    auths: List[str] = []
    never_pull: bool = False


class Action(NamedTuple):
    """What a probe or a hook does: `kind` is "exec" (`command`), "http" (all but `command`), "tcp" (`host`, `port`), "grpc"
    (`port`, `service`) or "sleep" (`seconds`). An empty `host` is the pod's own address."""

    kind: str
    command: List[str] = []
    host: str = ""
    port: int = 0
    path: str = ""
    scheme: str = "http"
    headers: List[Tuple[str, str]] = []
    service: str = ""
    seconds: int = 0


class Probe(NamedTuple):
    """A probe with Kubernetes' defaults filled in; times in seconds, thresholds in consecutive results.

    `grace_seconds` replaces the pod's grace period when this probe ends the container; None: the pod's.
    """

    action: Action
    initial_delay: int = 0
    period: int = 10
    timeout: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    grace_seconds: Optional[int] = None


class Container(NamedTuple):
    """A container, with `$(VAR)` already expanded. An empty `command` or `args` means the image's.

    `command`, `args`, values of `env` and sub-paths may hold OWN_ADDRESS. Limits are in bytes. `user` and `group` are numbers that
    the pod asks for; without, the image's user counts if `image_user`, else the job's account; `non_root` forbids number 0.
    `labelled`: it asks for an SELinux label. `target`, of an ephemeral one: the container whose processes it wants to see.
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
    startup: Optional[Probe] = None
    readiness: Optional[Probe] = None
    liveness: Optional[Probe] = None
    post_start: Optional[Action] = None
    pre_stop: Optional[Action] = None
    memory_limit: Optional[int] = None
    storage_limit: Optional[int] = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    stop_signal: int = 15  # SIGTERM, on every Linux
    user: Optional[int] = None
    group: Optional[int] = None
    image_user: bool = False
    non_root: bool = False
    labelled: bool = False
    target: str = ""


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


class Dns(NamedTuple):
    """How the pod resolves names: what is added to the machine's way, or replaces it (`alone`). Options as in resolv.conf(5)."""

    nameservers: List[str]
    searches: List[str]
    options: List[str]
    alone: bool = False


class Channel(NamedTuple):
    """Where the job reports to while it runs: a wss:// URL, the ticket that opens it, the authorities to trust (PEM; empty: the
    machine's)."""

    url: str
    ticket: str
    authorities: str = ""


class Pod(NamedTuple):
    """The whole plan. The pod is ended `deadline_seconds` after the supervisor's start, `deadline_message` says why.

    It is ended, too, when a container couldn't be made for `patience_seconds`, for want of its image or by its configuration.
    `full_name` is its name in the cluster, "" for none. `runtime_options` are further words of `apptainer exec`, the operator's
    own.
    """

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
    full_name: str = ""
    host_network: bool = False
    dns: Optional[Dns] = None
    runtime_options: List[str] = []
    restart_policy: str = NEVER
    patience_seconds: int = 300
    channel: Optional[Channel] = None


class UnreadablePlan(Exception):
    """The payload's plan isn't one that this supervisor understands."""


def encode(pod: Pod) -> bytes:
    """`plan.json`, the same bytes for the same plan."""
    return json.dumps(plain(pod), sort_keys=True, separators=(",", ":")).encode("ascii")


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
                containers=[container_of(container) for container in raw["containers"]],
                dns=Dns(**raw["dns"]) if raw.get("dns") else None,
                channel=Channel(**raw["channel"]) if raw.get("channel") else None,
            )
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadablePlan("the plan can't be read: %s: %s" % (type(error).__name__, error)) from error


def container_of(raw: Dict[str, Any]) -> Container:
    """A container out of what `plain` made of it. Raises ValueError, KeyError, TypeError."""
    return Container(
        **dict(
            raw,
            image=Image(**raw["image"]),
            env=[(name, value) for name, value in raw["env"]],
            mounts=[Mount(**mount) for mount in raw["mounts"]],
            **{name: _probe(raw.get(name)) for name in ("startup", "readiness", "liveness")},
            **{name: _action(raw.get(name)) for name in ("post_start", "pre_stop")},
        )
    )


def _probe(raw: Optional[Dict[str, Any]]) -> Optional[Probe]:
    if raw is None:
        return None
    action = _action(raw["action"])
    return Probe(**dict(raw, action=action))


def _action(raw: Optional[Dict[str, Any]]) -> Optional[Action]:
    if raw is None:
        return None
    return Action(**dict(raw, headers=[(name, value) for name, value in raw.get("headers", [])]))


def plain(value: Any) -> Any:
    """As JSON has it; what has its default is left out."""
    if hasattr(value, "_asdict"):
        defaults = type(value)._field_defaults
        fields = value._asdict().items()
        return {key: plain(item) for key, item in fields if key not in defaults or item != defaults[key]}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
