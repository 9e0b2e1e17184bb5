"""A pod's volumes: what the supervisor makes of each, and the files that go into the payload for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from condor_sidecar.core.compile import quantity, site_volume
from condor_sidecar.core.compile.delivered import Delivered, Files
from condor_sidecar.core.compile.host_path import host_path
from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.compile.supported import VOLUME
from condor_sidecar.core.policy import Policy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import PayloadFile

DEFAULT_MODE: Final = 0o644
TOKEN_VOLUME: Final = "kube-api-access-"  # noqa: S105 - the API server's name prefix for the default token's volume
ROOT_CA: Final = "kube-root-ca.crt"
LONGEST_NAME: Final = 255


@dataclass(slots=True)
class Volumes:
    """The pod's volumes by name, the payload's files for them, and the names of those that are left out on purpose."""

    volumes: dict[str, job.Volume] = field(default_factory=dict)
    files: list[PayloadFile] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)


def compile_volumes(spec: Node, mounted: set[str], delivered: Delivered, policy: Policy) -> Volumes:
    """The volumes of `spec`. Only what some container mounts is made: only that is delivered."""
    result = Volumes()
    for node in spec["volumes"].elements():
        name = node["name"].text()
        kinds = [kind for kind, source in node.fields() if kind != "name" and source.value is not None]
        if len(kinds) != 1:
            node.reject(f'volume "{name}" must have exactly one source')
            continue
        source = node[kinds[0]]
        if _is_default_token(name, kinds[0], source) and not policy.keep_service_account_token:
            result.left_out.add(name)
        elif kinds[0] not in VOLUME:
            source.reject(
                f"{kinds[0]} volumes can't be mounted at this site: use a ConfigMap, Secret, projected or emptyDir volume"
            )
        elif name in mounted:
            VOLUME[kinds[0]](source)
            _compile(name, source, delivered, policy, result)
    return result


def _is_default_token(name: str, kind: str, source: Node) -> bool:
    """The volume that the API server adds to every pod for its service account. A user's own of such a name has a token for
    somebody else, or lacks the cluster's certificate."""
    if not name.startswith(TOKEN_VOLUME) or kind != "projected":
        return False
    sources = source["sources"].elements()
    tokens = [each["serviceAccountToken"] for each in sources if each["serviceAccountToken"].given]
    return (
        bool(tokens)
        and not any(token["audience"].given for token in tokens)
        and any(each["configMap"]["name"].value == ROOT_CA for each in sources)
    )


def _compile(name: str, source: Node, delivered: Delivered, policy: Policy, result: Volumes) -> None:
    kind = source.path.rpartition(".")[2]
    if kind == "emptyDir":
        result.volumes[name] = _empty_dir(name, source)
    elif kind not in FILES:
        if kind == "hostPath":
            volume, read_only = host_path(name, source, policy.host_paths)
        else:
            volume, read_only = site_volume.site_volume(name, source, delivered.pod, delivered.claims, policy.volumes)
        result.volumes[name] = volume
        if read_only:
            result.read_only.add(name)
    else:
        laid = FILES[kind](name, source, delivered)
        _check_paths(source, laid)
        result.volumes[name] = job.Volume(name, job.FILES)
        result.files += [
            PayloadFile(f"{job.VOLUMES}/{name}/{path}", content, mode) for path, (content, mode) in laid.items()
        ]


def _empty_dir(name: str, source: Node) -> job.Volume:
    medium = source["medium"].text()
    if medium not in ("", "Memory"):
        source["medium"].reject(f'medium "{medium}" is not offered at this site: remove it')
    limit = None
    if source["sizeLimit"].value is not None:
        try:
            limit = quantity.whole(str(source["sizeLimit"].value))
        except ValueError as error:
            source["sizeLimit"].reject(f"sizeLimit {error}")
    return job.Volume(name, job.EMPTY, memory=medium == "Memory", size_limit=limit or None)


Laid = dict[str, tuple[bytes, int]]  # path in the volume -> content, mode


def _config_map(_: str, source: Node, delivered: Delivered) -> Laid:
    return _from_object(source, "ConfigMap", source["name"].text(), delivered.config_maps)


def _secret(_: str, source: Node, delivered: Delivered) -> Laid:
    return _from_object(source, "Secret", source["secretName"].text(), delivered.secrets)


def _from_object(source: Node, kind: str, name: str, objects: Mapping[str, Files]) -> Laid:
    optional = source["optional"].flag()
    files = objects.get(name)
    if files is None:
        if not optional:
            source.reject(f'{kind} "{name}" did not come with the pod: create it, or set optional: true')
        return {}
    default = _mode(source["defaultMode"], DEFAULT_MODE)
    if not source["items"].given:
        return {key: (content, default) for key, content in files.items() if _fits(source, key)}
    laid: Laid = {}
    for item in source["items"].elements():
        key, path = item["key"].text(), item["path"].text()
        if key in files and _fits(item["path"], path):
            laid[path] = files[key], _mode(item["mode"], default)
        elif key not in files and not optional:
            item["key"].reject(f'{kind} "{name}" has no key "{key}": correct it, or set optional: true')
    return laid


def _projected(name: str, source: Node, delivered: Delivered) -> Laid:
    """A projected or downward API volume comes with its files resolved; modes and paths are still in the pod."""
    files = delivered.projected.get(name)
    origins = [origin for item in source["sources"].elements() for _, origin in item.fields()]
    optional = bool(origins) and all(origin["optional"].flag() for origin in origins)
    if files is None:
        if not optional:
            source.reject(f'the files of volume "{name}" did not come with the pod')
        return {}
    default = _mode(source["defaultMode"], DEFAULT_MODE)
    items = [item for origin in (*origins, source) for item in origin["items"].elements()]
    modes = {item["path"].text(): _mode(item["mode"], default) for item in items}
    return {path: (content, modes.get(path, default)) for path, content in files.items() if _fits(source, path)}


FILES: Final = {"configMap": _config_map, "secret": _secret, "projected": _projected, "downwardAPI": _projected}


def _check_paths(source: Node, laid: Laid) -> None:
    """Complain about what would have to be a file and a directory at once."""
    for path in laid:
        parts = path.split("/")
        for above in ("/".join(parts[:count]) for count in range(1, len(parts))):
            if above in laid:
                source.reject(f'"{above}" can\'t be a file of the volume beside "{path}": rename one')


def _mode(node: Node, default: int) -> int:
    mode = node.number()
    if mode is None:
        return default
    if not 0 <= mode <= 0o777:
        node.reject(f"mode {mode} is not between 0 and 0777 (511): correct it")
        return default
    return mode


def _fits(node: Node, path: str) -> bool:
    """Whether a file name stays inside its volume; complains if not."""
    parts = path.split("/")
    plain = all(part not in ("", ".", "..") and len(part.encode()) <= LONGEST_NAME for part in parts)
    if plain and "\0" not in path and not path.startswith(".."):  # names with two dots are the volume's own
        return True
    node.reject(f'"{path}" can\'t be the path of a file in a volume: use a relative path without ".."')
    return False
