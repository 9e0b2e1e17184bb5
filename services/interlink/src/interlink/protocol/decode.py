"""Reading what others wrote: keys in any case, `null` for nothing, unknown keys ignored, and an error that says where."""

from typing import Any, TypeVar, get_args

import msgspec

T = TypeVar("T")


class MalformedError(ValueError):
    """The text is no JSON, or not of the expected shape; the message says where."""


def encode(message: Any) -> bytes:
    """The JSON text of a message."""
    return msgspec.json.encode(message)


def decode(data: bytes, kind: type[T]) -> T:
    """Read `data` as `kind` (a struct of `types`, or a list of one). Raises MalformedError."""
    try:
        return msgspec.convert(_in_our_case(msgspec.json.decode(data), kind), kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"the body is not what was expected: {error}") from error


def _in_our_case(value: Any, kind: Any) -> Any:
    """`value` with the keys of structs spelt as `kind` spells them; plain JSON objects (pods) are left alone."""
    if isinstance(value, list):
        items = [a for a in get_args(kind) if a is not type(None)]
        return [_in_our_case(item, items[0]) for item in value] if items else value
    struct = _struct_of(kind)
    if struct is None or not isinstance(value, dict):
        return value
    fields = {f.encode_name.lower(): f for f in msgspec.structs.fields(struct)}
    spelt: dict[str, Any] = {}
    for key, item in value.items():
        field = fields.get(key.lower()) if isinstance(key, str) else None
        if field is None:
            continue
        if item is None and not _allows_none(field.type):
            continue  # Go writes null for what is empty: keep the default
        if field.encode_name in spelt and key != field.encode_name:
            continue  # an exact spelling wins over another case of it
        spelt[field.encode_name] = _in_our_case(item, field.type)
    return spelt


def _struct_of(kind: Any) -> type[msgspec.Struct] | None:
    for candidate in (kind, *get_args(kind)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _allows_none(kind: Any) -> bool:
    return type(None) in get_args(kind)
