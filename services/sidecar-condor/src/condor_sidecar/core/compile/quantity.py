"""Kubernetes quantities, exactly: `1`, `0.5`, `100m`, `2Gi`, `1e3`, `3E`.

The grammar is that of k8s.io/apimachinery/pkg/api/resource. Own code because the Kubernetes client's parser takes what the API
server doesn't (blanks, underscores, `nan`) and costs an import of half a second.
"""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

GRAMMAR: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
)
BINARY: Final = {suffix + "i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)}
LONGEST: Final = 64
DECIMAL: Final = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")} | {
    suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)
}


def parse(text: str) -> Decimal:
    """The value of a quantity. Raises ValueError for what isn't one."""
    found = GRAMMAR.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise ValueError(f'"{text}" is not a Kubernetes quantity')
    number = Decimal(found["number"])
    if found["binary"]:
        return number * BINARY[found["binary"]]
    if found["decimal"]:
        return number * DECIMAL[found["decimal"]]
    return number.scaleb(int(found["exponent"] or 0))


def whole(text: str) -> int:
    """The value of a quantity in whole units, of which Kubernetes rounds parts up. Raises ValueError for what isn't one."""
    return ceiling(parse(text))


def ceiling(amount: Decimal) -> int:
    """The smallest whole number that is not less."""
    return int(amount.to_integral_value(ROUND_CEILING))
