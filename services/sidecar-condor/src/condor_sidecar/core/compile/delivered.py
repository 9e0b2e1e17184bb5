"""The ConfigMaps, Secrets and projected files that came with the pod, by the name under which volumes refer to them."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlink.protocol.types import JsonObject, RetrievedPodData

Files = Mapping[str, bytes]  # key or path -> content


@dataclass(frozen=True, slots=True)
class Delivered:
    """`config_maps` and `secrets` by the object's name, `projected` by the volume's; `claims` as the virtual node tells of them,
    `pod` is namespace and name."""

    config_maps: Mapping[str, Files] = field(default_factory=dict)
    secrets: Mapping[str, Files] = field(default_factory=dict)
    projected: Mapping[str, Files] = field(default_factory=dict)
    claims: Sequence[JsonObject] = ()
    pod: tuple[str, str] = ("", "")


def collect(request: RetrievedPodData, complaints: list[str]) -> Delivered:
    """What came with the pod; of its containers' entries together: an object that two containers mount comes twice."""
    everything = list(request.container)
    metadata = request.pod.get("metadata") or {}
    return Delivered(
        _by_name((item for entry in everything for item in entry.configMaps or ()), "ConfigMap", complaints),
        _by_name((item for entry in everything for item in entry.secrets or ()), "Secret", complaints),
        _by_name((item for entry in everything for item in entry.projectedvolumemaps or ()), "volume", complaints),
        request.claims or (),
        (str(metadata.get("namespace", "")), str(metadata.get("name", ""))),
    )


def _by_name(objects: Iterable[JsonObject], kind: str, complaints: list[str]) -> dict[str, Files]:
    found: dict[str, Files] = {}
    for item in objects:
        name = (item.get("metadata") or {}).get("name")
        if isinstance(name, str) and name not in found:
            try:
                found[name] = _files(item, encoded=kind == "Secret")
            except (ValueError, TypeError, AttributeError, binascii.Error) as error:
                complaints.append(f'{kind} "{name}" was delivered with content that can\'t be read: {error}')
                found[name] = {}
    return found


def _files(item: Mapping[str, Any], encoded: bool) -> Files:
    """An object's files: `data` is text, in Secrets base64; `binaryData` is base64."""
    data = {key: _decoded(text) if encoded else text.encode("utf-8") for key, text in (item.get("data") or {}).items()}
    return data | {key: _decoded(text) for key, text in (item.get("binaryData") or {}).items()}


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
