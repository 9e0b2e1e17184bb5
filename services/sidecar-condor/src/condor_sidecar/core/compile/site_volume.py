"""Claims, generic ephemeral and CSI volumes: where the site's own table has what a cluster would attach.

Nothing is attached at a site. A row of the table names claims by storage class, by name or by driver, and the path on the worker
nodes that they are there. What no row names is rejected with what the table offers.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from interlink.protocol.types import JsonObject

from condor_sidecar.core.compile.node import Node
from condor_sidecar.core.policy import VolumeRule
from condor_sidecar.job.supervisor import plan as job

NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?")
PLACEHOLDERS: Final = ("namespace", "claim", "volume")
CHOSEN: Final = ("{claim}", "{volume}")  # by users; namespaces are the administrators'
CVMFS_DRIVER: Final = "cvmfs.csi.cern.ch"
CVMFS_REPOSITORY: Final = "repository"  # the attributes that say what is mounted and not how
CVMFS_SNAPSHOT: Final = ("tag", "hash", "clientConfig", "clientConfigFilepath")
CVMFS_SHARING: Final = "sharedMountID"  # which mounts of the driver's are one


class Asked(NamedTuple):
    """What is known of a volume; empty where the virtual node didn't tell, or where there is no claim."""

    namespace: str
    volume: str
    claim: str = ""
    storage_class: str = ""
    driver: str = ""
    attributes: Mapping[str, Any] = {}
    read_only: bool = False
    block: bool = False


def site_volume(
    name: str, source: Node, pod: tuple[str, str], claims: Iterable[JsonObject], rules: Iterable[VolumeRule]
) -> tuple[job.Volume, bool]:
    """The volume, and whether it is read-only. `pod` is namespace and name, `claims` what came with the pod."""
    asked = _asked(name, source, pod, claims)
    table = list(rules)
    rule = next((rule for rule in table if _fits(rule, asked)), None)
    if asked.block:
        source.reject("block devices can't be given to a job: use a claim of volumeMode Filesystem")
    if rule is None:
        source.reject(
            f"{_described(asked)} has no place at this site, which offers {_offered(table)}: use one of these"
        )
        return job.Volume(name, job.HOST), True
    if source.path.endswith(".csi"):
        _check_attributes(source["volumeAttributes"], asked)
    below = _repository(source, asked)
    path = posixpath.normpath(posixpath.join(_filled(source, rule, asked), below))
    kind = "DirectoryOrCreate" if rule.create else "Directory"
    root = _root(rule, asked) if below or any(each in rule.path for each in CHOSEN) else ""
    return job.Volume(name, job.HOST, path, kind, root=root), rule.read_only or asked.read_only


def _root(rule: VolumeRule, asked: Asked) -> str:
    """The part of the row's path that no user has a say in: a link below it must not lead to another's."""
    parts = rule.path.split("/")
    own = next((number for number, part in enumerate(parts) if part in CHOSEN), len(parts))
    return "/".join(asked.namespace if part == "{namespace}" else part for part in parts[:own]) or "/"


def _asked(name: str, source: Node, pod: tuple[str, str], claims: Iterable[JsonObject]) -> Asked:
    namespace, pod_name = pod
    read_only = source["readOnly"].flag()
    if source.path.endswith(".csi"):
        attributes = source["volumeAttributes"].value
        return Asked(
            namespace,
            name,
            driver=source["driver"].text(),
            attributes=attributes if isinstance(attributes, dict) else {},
            read_only=read_only,
        )
    claim = f"{pod_name}-{name}" if source.path.endswith(".ephemeral") else source["claimName"].text()
    told = next((each for each in claims if each.get("volume") == name and each.get("claim") == claim), {})
    return Asked(
        namespace,
        name,
        claim,
        _text(told, "storageClass"),
        _text(told, "driver"),
        told.get("attributes") or {},
        read_only or told.get("accessModes") == ["ReadOnlyMany"],
        told.get("volumeMode") == "Block",
    )


def _text(told: JsonObject, key: str) -> str:
    value = told.get(key)
    return value if isinstance(value, str) else ""


def _fits(rule: VolumeRule, asked: Asked) -> bool:
    """Whether all that the row names is so; a row names something."""
    return (
        (not rule.driver or rule.driver == asked.driver)
        and (not rule.storage_class or rule.storage_class == asked.storage_class)
        and (not rule.claim or (bool(asked.claim) and fnmatchcase(f"{asked.namespace}/{asked.claim}", rule.claim)))
    )


def _filled(source: Node, rule: VolumeRule, asked: Asked) -> str:
    """The row's path with its placeholders replaced, each by one part of a path."""
    path = rule.path
    for placeholder in PLACEHOLDERS:
        mark, value = "{" + placeholder + "}", getattr(asked, placeholder)
        if mark in path and not NAME.fullmatch(value):
            source.reject(f"\"{value}\" can't be the {placeholder} in the site's path {rule.path}: correct it")
            return "/"
        path = path.replace(mark, value)
    return path


def _check_attributes(node: Node, asked: Asked) -> None:
    """Those that the pod itself gives; what a claim's volume has is its administrator's, who knows the site's table."""
    known = (CVMFS_REPOSITORY, *CVMFS_SNAPSHOT, CVMFS_SHARING) if asked.driver == CVMFS_DRIVER else ()
    for name, attribute in node.entries():
        if name not in known:
            attribute.reject(
                f'nothing at this site honours attribute "{name}" of the driver "{asked.driver}": remove it'
            )


def _repository(source: Node, asked: Asked) -> str:
    if asked.driver != CVMFS_DRIVER:
        return ""
    for name in CVMFS_SNAPSHOT:
        if asked.attributes.get(name):
            source.reject(f'the site mounts CVMFS as it is, attribute "{name}" can\'t be honoured: remove it')
    if CVMFS_REPOSITORY not in asked.attributes:
        return ""
    repository = asked.attributes[CVMFS_REPOSITORY]
    if not isinstance(repository, str) or not NAME.fullmatch(repository):
        source.reject(f'"{repository}" is not the name of a CVMFS repository: correct it')
        return ""
    return repository


def _described(asked: Asked) -> str:
    if not asked.claim:
        return f'a volume of the CSI driver "{asked.driver}"'
    known = [f'storage class "{asked.storage_class}"'] if asked.storage_class else []
    known += [f'driver "{asked.driver}"'] if asked.driver else []
    return f'claim "{asked.namespace}/{asked.claim}"' + (f" ({', '.join(known)})" if known else "")


def _offered(rules: list[VolumeRule]) -> str:
    return "; ".join(_row(rule) for rule in rules) or "none"


def _row(rule: VolumeRule) -> str:
    parts = (("storage class", rule.storage_class), ("claims", rule.claim), ("CSI driver", rule.driver))
    return " with ".join(f'{what} "{value}"' for what, value in parts if value)
