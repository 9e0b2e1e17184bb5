"""Kinds of values in the settings, each checked where it is written and told in words."""

import re
from collections.abc import Collection, Set
from typing import Annotated, Final

from pydantic import AfterValidator, Field

GIB: Final = 2**30
_DURATION = re.compile(r"(?:([0-9]{1,4})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,9})s)?")
_QUANTITY = re.compile(r"([1-9][0-9]{0,14})(Ki|Mi|Gi|Ti|k|M|G|T)?")
_FACTORS: Final = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def seconds(text: str) -> int:
    """Seconds in `90s`, `30m`, `12h`, `1d12h`. Raises ValueError with a sentence."""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise ValueError(f'"{text[:40]}" is no duration; write days, hours, minutes or seconds as in 12h or 1d12h')
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return days * 86_400 + hours * 3600 + minutes * 60 + rest


def duration(total: int) -> str:
    """The shortest text of which `seconds` makes `total`."""
    parts, rest = "", total
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, length)
        parts += f"{amount}{unit}" if amount else ""
    return parts or "0s"


def size(text: str) -> int:
    """Bytes of a quantity such as `20Gi`. Raises ValueError with a sentence."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text[:40]}" is no size; write a whole number with a unit, as in 20Gi')
    return int(found[1]) * _FACTORS[found[2] or ""]


def normalised(group: str) -> str:
    """`icsc/admins`, `/icsc/admins/` and `/icsc/admins` are the same group, as for the hub."""
    return "/" + group.strip().strip("/")


def is_member(groups: Set[str], wanted: Collection[str]) -> bool:
    """Whether one of `groups` (normalised) is among `wanted`; nothing wanted: everybody is."""
    return not wanted or bool(groups & {normalised(group) for group in wanted})


def _is_duration(text: str) -> str:
    if seconds(text) == 0:
        raise ValueError(f'"{text}" is no time at all; write days, hours, minutes or seconds as in 12h or 1d12h')
    return text


def _is_size(text: str) -> str:
    size(text)
    return text


Duration = Annotated[str, AfterValidator(_is_duration)]
Size = Annotated[str, AfterValidator(_is_size)]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\z")]
NodeName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\z")]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^\s:]*[^\s:/]\z")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\z", max_length=128)]
