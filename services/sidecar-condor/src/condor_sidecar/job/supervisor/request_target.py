"""What a probe or a hook asks a server for: its path as Go's net/url, by which a kubelet does it, makes a request of it.

What stands behind `#` is left out, what can't be in a request is percent-encoded, and what no URL can be made of is a path as a
whole. One thing is done otherwise: blanks and other letters than ASCII's in a query, which Go sends as they are, are encoded, too.
"""

import re
from typing import Tuple
from urllib.parse import quote, unquote_to_bytes

KEPT = "$&+,/:;=@-_.~"  # by Go, when it encodes a path
VALID = re.compile(r"(?:[A-Za-z0-9$&+,/:;=@_.~!'()*\[\]-]|%[0-9A-Fa-f]{2})*")  # a path that Go leaves as it is
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=/)")
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def target(text: str) -> str:
    """The path and query of the request line, which begin with a slash and are printable ASCII."""
    try:
        path, query = _parsed(text)
    except ValueError:
        path, query = _encoded(_octets(text)), ""
    return (path if path.startswith("/") else "/" + path) + query


def _parsed(text: str) -> Tuple[str, str]:
    """Path, and query with its question mark. Raises ValueError for what is no URL."""
    rest, _, fragment = text.partition("#")
    path, mark, query = rest.partition("?")
    if CONTROL.search(rest) or BAD_ESCAPE.search(path) or BAD_ESCAPE.search(fragment):
        raise ValueError(text)
    scheme = SCHEME.match(path)
    if scheme is not None:
        path = path[scheme.end() :]
    elif ":" in path.split("/")[0]:
        raise ValueError(text)
    if path.startswith("//") and (scheme is not None or not path.startswith("///")):
        # a host, for which the pod's own is put
        path = "/" + path[2:].partition("/")[2]
    if not VALID.fullmatch(path):
        path = _encoded(unquote_to_bytes(_octets(path)))
    return path, mark + quote(_octets(query), safe=PRINTABLE)


def _encoded(octets: bytes) -> str:
    return quote(octets, safe=KEPT)


def _octets(text: str) -> bytes:
    """Its bytes, also where they came from a header and are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")
