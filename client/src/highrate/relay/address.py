"""Relay addresses."""

import hashlib
import re
import secrets
from dataclasses import dataclass

PREFIX = "relay://"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_RESERVED = 0xF0 << 24  # 240.0.0.0/4 (RFC 1112, 4): addresses that nobody has


@dataclass(frozen=True)
class Direct:
    """Where a listener can be reached without the relay, from within `network`."""

    network: str
    host: str
    port: int

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.network):
            raise ValueError(
                f'"{self.network}" is no name of a network: use letters, digits, dots, hyphens, underscores'
            )

    @property
    def host_port(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Address:
    """One listener."""

    id: str
    direct: Direct | None = None

    @property
    def location(self) -> str:
        """The address without `relay://`."""
        return self.id if self.direct is None else f"{self.id}@{self.direct.network}/{self.direct.host_port}"

    def __str__(self) -> str:
        return PREFIX + self.location

    @property
    def host(self) -> str:
        """What Dask takes for the machine: it prefers data of the same one, and asks the system for the way there.

        Where the id is all there is, this is an address of the reserved block, another one for each id: a name would be
        looked up, which takes long where there is no DNS, and everybody having the same would be taken for neighbours.
        """
        if self.direct is not None:
            return self.direct.host
        number = _RESERVED | int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:4]) >> 4
        return ".".join(str(byte) for byte in number.to_bytes(4))


def parse(location: str) -> Address:
    """The address `location`, with or without `relay://`. Raises ValueError."""
    location = location.removeprefix(PREFIX)
    name, at, rest = location.partition("@")
    if not _ID.fullmatch(name):
        raise ValueError(f'"{PREFIX}{location}" is no relay address: use relay://ID or relay://ID@NETWORK/HOST:PORT')
    return Address(name, _direct(rest, location) if at else None)


def to_listen_on(location: str, configured: str | None) -> str:
    """The id to listen as, for what Dask asks to listen on: nothing, `HOST:PORT` of its own invention, or an id.

    Host and port mean nothing here: Dask fills them in by itself (a nanny's is the way to its scheduler).
    """
    location = location.removeprefix(PREFIX)
    if _ID.fullmatch(location) and not _is_ipv4(location):
        return location
    return configured or secrets.token_hex(8)


def _direct(text: str, location: str) -> Direct:
    network, slash, host_port = text.partition("/")
    host, colon, port = host_port.rpartition(":")
    if not slash or not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f'"{PREFIX}{location}" has no network and direct address after "@": use NETWORK/HOST:PORT')
    return Direct(network, host.removeprefix("[").removesuffix("]"), int(port))


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(part.isdecimal() for part in parts)
