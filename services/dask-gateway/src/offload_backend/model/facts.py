"""What pods and Secrets of a cluster are made of; kept in dask-gateway's database as far as it isn't made anew."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ClusterFacts:
    """A cluster, apart from what is secret."""

    name: str
    user: str
    image: str
    """For ordinary nodes, and so for the scheduler."""
    site_image: str
    """For jobs at sites."""
    site: str
    worker_cores: int
    worker_memory: int
    """Bytes."""
    gpus: int
    wall_seconds: int | None
    environment: Mapping[str, str]
    """The user's variables."""


@dataclass(frozen=True)
class Owner:
    """The object whose end is also that of what it owns."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class Credentials:
    """What the Secret of a cluster holds."""

    certificate: bytes
    key: bytes
    api_token: str
    tickets: Mapping[str, str]
    """By purpose, "listen" and "dial"; empty without a relay."""
    relay_ca: bytes | None = None
