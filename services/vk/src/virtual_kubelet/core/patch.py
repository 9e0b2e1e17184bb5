"""From two versions of a status to the patch between them: only what changed travels, and nothing if nothing did."""

from typing import Any

from virtual_kubelet.model.pod import JsonObject

# lists that a strategic merge patch merges by this key; all others are replaced whole (k8s.io/api core/v1)
_MERGE_KEYS = {"conditions": "type", "addresses": "type", "podIPs": "ip", "hostIPs": "ip"}


def status_patch(old: JsonObject, new: JsonObject) -> JsonObject:
    """A strategic merge patch from `old` to `new`; empty if they are the same. What only `old` has is removed."""
    patch: JsonObject = {}
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if after is None:
            patch[key] = None
        elif key in _MERGE_KEYS and isinstance(before, list) and isinstance(after, list):
            patch[key] = _changed_entries(before, after, _MERGE_KEYS[key])
        elif isinstance(before, dict) and isinstance(after, dict):
            patch[key] = status_patch(before, after)
        else:
            patch[key] = after
    return patch


def _changed_entries(before: list[Any], after: list[Any], key: str) -> list[Any]:
    old = {entry[key]: entry for entry in before}
    new = {entry[key]: entry for entry in after}
    changed = [_entry_patch(old.get(name), entry, key) for name, entry in new.items() if old.get(name) != entry]
    return changed + [{"$patch": "delete", key: name} for name in old if name not in new]


def _entry_patch(before: JsonObject | None, after: JsonObject, key: str) -> JsonObject:
    removed = {name: None for name in before or {} if name not in after}
    return {key: after[key], **after, **removed}
