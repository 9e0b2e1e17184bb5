"""The downward API: what `fieldRef` and `resourceFieldRef` of environment variables and volumes stand for.

Rules: Kubernetes' pkg/fieldpath and pkg/api/v1/resource. `status.podIP` has no value here: only the job knows its address.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from virtual_kubelet.core.quantity import ceil_divided, parse
from virtual_kubelet.model.pod import JsonObject

OWN_ADDRESS = frozenset({"status.podIP", "status.podIPs"})
"""Field paths that are filled in inside the job."""

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]", re.DOTALL)


class FieldReferenceError(ValueError):
    """The reference can't be resolved; the text says why."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a pod may learn about its node."""

    name: str
    address: str
    allocatable: Mapping[str, str] = field(default_factory=dict)
    """Quantities by resource; they stand in for limits that a container lacks."""


def field_value(pod: JsonObject, path: str, node: NodeFacts) -> str:
    """The text of the pod's field at `path`. Raises FieldReferenceError."""
    meta, spec = pod["metadata"], pod["spec"]
    match = _SUBSCRIPT.fullmatch(path)
    if match:
        value: str = (meta.get(match.group(1)) or {}).get(match.group(2), "")
        return value
    plain = {
        "metadata.name": meta.get("name", ""),
        "metadata.namespace": meta.get("namespace", ""),
        "metadata.uid": meta.get("uid", ""),
        "metadata.labels": _as_lines(meta.get("labels") or {}),
        "metadata.annotations": _as_lines(meta.get("annotations") or {}),
        "spec.nodeName": spec.get("nodeName") or node.name,
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": node.address,
        "status.hostIPs": node.address,
    }
    if path not in plain:
        raise FieldReferenceError(f'unsupported fieldPath "{path}"')
    return str(plain[path])


def _as_lines(values: Mapping[str, str]) -> str:
    """Labels or annotations as a downward API file has them: sorted, one `key="value"` a line, quoted as Go does."""
    return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(values.items()))


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
}


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escaped(c)) for c in text) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def resource_value(pod: JsonObject, container: JsonObject, selector: JsonObject, node: NodeFacts) -> str:
    """The text of a resourceFieldRef of `container` (or of the container that it names), in units of its divisor."""
    named = selector.get("containerName")
    if named and named != container.get("name"):
        every = [*(pod["spec"].get("containers") or []), *(pod["spec"].get("initContainers") or [])]
        container = next((c for c in every if c["name"] == named), {})
        if not container:
            raise FieldReferenceError(f'resourceFieldRef names the container "{named}", which the pod does not have')
    kind, _, resource = selector.get("resource", "").partition(".")
    if kind not in ("limits", "requests") or not resource:
        raise FieldReferenceError(f'unsupported resource "{selector.get("resource", "")}" in a resourceFieldRef')
    amounts = (container.get("resources") or {}).get(kind) or {}
    try:
        amount = parse(str(amounts.get(resource, "0")))
        if kind == "limits" and not amount:  # 0 is no limit
            of_pod = ((pod["spec"].get("resources") or {}).get("limits") or {}).get(resource)
            amount = parse(str(of_pod or node.allocatable.get(resource, "0")))
        divisor = parse(str(selector.get("divisor") or "1"))
    except ValueError as error:
        raise FieldReferenceError(str(error)) from error
    return str(ceil_divided(amount, divisor or Decimal(1)))
