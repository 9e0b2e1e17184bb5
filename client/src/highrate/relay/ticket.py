"""Tickets: files that the platform writes, and replaces while we run."""

import base64
import binascii
import ipaddress
import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class UnusableTicket(Exception):
    """The text says what is wrong and what to do."""


@dataclass(frozen=True)
class Ticket:
    """One ticket; it doesn't show up where this is printed."""

    url: str
    """The relay that it is for."""
    text: str = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def tls(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    @property
    def netloc(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


def read(file: str | None, key: str) -> Ticket:
    """The ticket in `file`, which the configuration has as `key`. Raises UnusableTicket, or OSError if it can't be read."""
    if not file:
        raise UnusableTicket(
            f"{key} is not set: it names the file with the ticket that the platform made for this cluster"
        )
    text = Path(file).read_text(encoding="ascii", errors="replace").strip()
    url = _audience(text)
    if url is None:
        raise UnusableTicket(f"{file} holds no ticket (a JSON web token with the relay's address as aud)")
    if not _may_carry_tickets(url):
        raise UnusableTicket(f'{file} is a ticket for "{url}", which is no https:// address')
    return Ticket(url.rstrip("/"), text)


def _audience(text: str) -> str | None:
    """What the ticket says of itself; to check it is the relay's business."""
    parts = text.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, binascii.Error, ValueError):
        return None
    audience = claims.get("aud") if isinstance(claims, dict) else None
    return audience if isinstance(audience, str) else None


def _may_carry_tickets(url: str) -> bool:
    """https, or http on this machine (for tests)."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or parts.port == 0 or not url.isascii() or not url.isprintable() or " " in url:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
