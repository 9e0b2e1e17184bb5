"""Group claims as issuers write them, in one spelling.

INDIGO IAM's own profile says `groups: ["icsc/admins"]`, its WLCG profile `wlcg.groups: ["/icsc/admins"]`, others give
a single string; who is in no group may have no such claim at all.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def normal_group(name: str) -> str:
    """The slash form, `/icsc/admins`; "" if nothing of a name is left."""
    bare = name.strip().strip("/")
    return f"/{bare}" if bare else ""


def groups_of(claims: Mapping[str, Any], names: Iterable[str]) -> frozenset[str]:
    """All groups that the claims called `names` hold."""
    found = (normal_group(text) for name in names for text in strings_of(_claim(claims, name)))
    return frozenset(group for group in found if group)


def strings_of(value: Any) -> tuple[str, ...]:
    """The strings in a claim that is a string or a list. A string is one value: splitting it would let a free text
    such as an e-mail address, used as group claim, name several groups."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(item for item in value if isinstance(item, str))
    return ()


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that very name (`wlcg.groups` has a dot in it), else by way of nested objects (`realm.roles`)."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
