"""Kubernetes quantities ("100m", "3Gi", "1e3"): read exactly, refused in words when they are none."""

import re
from decimal import Decimal

from kubernetes.utils.quantity import parse_quantity

# the library also takes NaN, Infinity, spaces and underscores, which Kubernetes does not
_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3})?")


def parse(text: str) -> Decimal:
    """The number that `text` stands for. Raises ValueError with a sentence."""
    if not _QUANTITY.fullmatch(text):
        raise ValueError(f'"{text}" is not a Kubernetes quantity')
    value: Decimal = parse_quantity(text)  # type: ignore[no-untyped-call]
    return value


def ceil_divided(value: Decimal, divisor: Decimal) -> int:
    """`value` in units of `divisor`, rounded up, as the downward API does."""
    whole, rest = divmod(value, divisor)
    return int(whole) + (1 if rest > 0 else 0)
