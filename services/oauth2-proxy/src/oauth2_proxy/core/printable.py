"""Text of strangers made fit for a log line or a header."""

from typing import Any
from urllib.parse import quote

LONGEST = 200

# What may stand in a header value as it is. Not "%" (the escape), not "," (it separates the groups).
_PLAIN = "!#$&'()*+-./:;<=>?@[]^_`{|}~ \""


def printable(value: Any) -> str:
    """`value` in quotes, without control characters, at most LONGEST characters of it: for reasons in the log."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def header_safe(value: str) -> str:
    """`value` as a header can carry it: what isn't plain ASCII, the comma and the percent sign are percent-encoded.

    A claim is free text: with a line break in it it would make a header of its own, with a comma a second group.
    """
    return quote(value, safe=_PLAIN, errors="replace")
