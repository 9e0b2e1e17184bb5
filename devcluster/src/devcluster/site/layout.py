"""Names, ports and folders of the site, as everything that talks to it or lies in it knows them."""

from dataclasses import dataclass

from devcluster.addresses import CE_NAME

MACHINE = "site"

POOL_PORT = 9618
CE_PORT = 9619

PILOT = "pilot1"
"""The account that the sidecar's tokens are mapped to: all pods' jobs run as this one."""
EDGE_ACCOUNT = "edge"
"""The unprivileged account of the edge's services."""

POOL_SCHEDD = f"schedd@{CE_NAME}"
CE_SCHEDD = f"ce@{CE_NAME}"

EXECUTE = "/var/lib/condor/execute"

SERVICES = "/opt/highrate"
CONDOR_FILES = "/etc/condor/site"
CERTIFICATE = f"{CONDOR_FILES}/host.crt"
KEY = f"{CONDOR_FILES}/host.key"


@dataclass(frozen=True)
class Slots:
    """What the pool's one partitionable slot claims to have; it may be more than the machine has.

    With ``machines`` there is no such slot: that many worker machines (workers.py) claim to have all of it each.
    """

    cpus: int = 64
    memory_mib: int = 256 * 1024
    spare_disk_mb: int = 1_000_000
    machines: int = 0


@dataclass(frozen=True)
class Endpoint:
    """One way into the site: a queue, and the edge's services in front of it.

    ``mode`` is the sidecar's word for it.
    """

    mode: str
    queue_port: int
    edge_port: int
    schedd: str

    @property
    def edge_url(self) -> str:
        return f"https://{CE_NAME}:{self.edge_port}"

    @property
    def collector(self) -> str:
        return f"{CE_NAME}:{self.queue_port}"

    @property
    def node_name(self) -> str:
        """The virtual node that uses this endpoint."""
        return f"site-{self.mode}"


ENDPOINTS = {
    "schedd": Endpoint("schedd", POOL_PORT, 10443, POOL_SCHEDD),
    "ce": Endpoint("ce", CE_PORT, 10444, CE_SCHEDD),
}


def worker_state(name: str) -> str:
    return f"/var/lib/condor-workers/{name}"


def worker_run(name: str) -> str:
    return f"/run/condor-workers/{name}"


def worker_execute(name: str) -> str:
    return f"{EXECUTE}/{name}"


def open_ports() -> tuple[int, ...]:
    """What the site's packet filter lets in."""
    queues = tuple(endpoint.queue_port for endpoint in ENDPOINTS.values())
    return queues + tuple(endpoint.edge_port for endpoint in ENDPOINTS.values())
