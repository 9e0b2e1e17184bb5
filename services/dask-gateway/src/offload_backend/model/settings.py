"""The configuration file, key by key."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator
from service_runtime.setting_types import BaseUrl, HostPort, HttpUrl
from service_runtime.settings import Section

from offload_backend.model.catalogue import Catalogue
from offload_backend.model.limits import GroupLimits, Limits, Place, Rate, Sites
from offload_backend.model.values import (
    AbsolutePath,
    Duration,
    ObjectName,
    is_member,
    seconds,
)

LOCAL = "local"


class Proxy(Section):
    """dask-gateway's proxy: the way from sessions to schedulers and dashboards."""

    address: HostPort = "0.0.0.0:8000"
    """Where it listens, for HTTP and for schedulers."""
    prefix: Annotated[str, Field(pattern=r"^(/[^\s?#]*[^/\s?#])?\z")] = ""
    """Path in front of all of its routes."""
    external: bool = False
    """Somebody else runs it (`offload-gateway proxy`): connections then outlive a restart of the gateway."""
    token_file: Path | None = None
    """File with what it shows the gateway; an external one needs it."""
    gateway_url: HttpUrl | None = None
    """Where it finds the gateway; none: at `listen`, on the same machine."""

    @model_validator(mode="after")
    def _external_needs(self) -> Self:
        if self.external and (self.token_file is None or self.gateway_url is None):
            raise ValueError("an external proxy needs token_file and gateway_url")
        return self


class Database(Section):
    """Where clusters and workers are kept over a restart."""

    url: str | None = None
    """SQLAlchemy's address, as in sqlite:////data/gateway.sqlite."""
    url_file: Path | None = None
    """File with the address, where it has a password in it."""
    key_file: Path
    """File with the key by which certificates and tokens are encrypted in it: 32 bytes in base64; several, one a line, the
    newest first."""
    keep: Duration = "1d"
    """How long clusters that have ended are remembered."""

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give url or url_file, and not both")
        if self.url is not None and self.url in ("sqlite://", "sqlite:///:memory:"):
            raise ValueError(f'url: "{self.url}" is gone after a restart, and all clusters with it; name a file')
        return self


class Hub(Section):
    """The hub that knows the users."""

    url: HttpUrl
    """Its REST API, as in http://hub:8081/hub/api."""
    token_file: Path
    """File with the gateway's own token; its role needs the scopes list:users, read:servers and users:activity."""
    remember: Annotated[int, Field(ge=0)] = 60
    """Seconds for which a user who was asked about is not asked about again."""
    server_gone: Duration | None = "30m"
    """How long clusters go on after the last server of their user has ended; none: for ever."""


class Scheduler(Section):
    """The scheduler's pod, which holds what is not on workers."""

    cores: PositiveFloat = 1
    """Its cores, or a part of one."""
    reserved: Annotated[float, Field(gt=0, le=1)] = 1
    """The part of its cores that is requested; the rest is shared."""
    memory: PositiveInt = 4
    """Its memory, in GiB."""


class Defaults(Section):
    """What a cluster has that names nothing."""

    site: ObjectName = LOCAL
    """Where its workers run."""
    worker_cores: PositiveInt = 2
    """Cores of a worker."""
    worker_memory: PositiveInt = 4
    """Memory of a worker, in GiB."""


class Pods(Section):
    """What pods on ordinary nodes have in common, as the hub's values have it for sessions."""

    uid: PositiveInt = 1000
    """User id of the processes."""
    gid: PositiveInt = 100
    """Group id of the processes and of their files."""
    image_pull_secrets: list[ObjectName] = []
    """Secrets for registries, in the namespace of the pods."""
    scheduler_node_selector: dict[str, str] = {}
    """Labels of the nodes of schedulers. Workers have sites.local.node_selector."""
    scheduler_tolerations: list[dict[str, Any]] = []
    """Taints that schedulers bear."""
    labels: dict[str, str] = {}
    """Further labels, as for network policies of your own."""


class Cvmfs(Section):
    """How /cvmfs comes into pods on ordinary nodes."""

    mode: Literal["none", "pvc", "hostPath"] = "none"
    """Not, from a claim in the namespace of the pods, or from the node."""
    claim: str = ""
    """Mode pvc: the claim."""
    path: AbsolutePath = "/cvmfs"
    """Mode hostPath: the folder of the node."""
    grid_security: Annotated[str, Field(pattern=r"^(/.+)?\z")] = "/cvmfs/grid.cern.ch/etc/grid-security"
    """Where certificates of grid authorities and VOMS settings are, wherever pods have /cvmfs; empty: not told."""

    @model_validator(mode="after")
    def _claim_where_needed(self) -> Self:
        if (self.mode == "pvc") != bool(self.claim):
            raise ValueError("claim names the volume of mode pvc: give both, or neither")
        return self


class Relay(Section):
    """The relay, by which workers that only dial out are reached."""

    members: Annotated[list[BaseUrl], Field(min_length=1)]
    """Its members' own addresses, as pods and jobs dial them; each cluster has one of them."""
    signing_key_file: Path
    """PEM file with the private key that signs tickets: RSA, P-256 or Ed25519."""
    ca_file: Path | None = None
    """PEM file with the authority of the members' certificates; none: the images' own authorities."""
    ticket_lifetime: Duration = "14d"
    """How long a ticket opens the relay. New ones are made at half of it, and a job keeps what it began with."""


class Timing(Section):
    """When something is given up."""

    cluster_start: Duration = "10m"
    """A scheduler that hasn't reported."""
    worker_start: Duration = "12h"
    """A worker that hasn't come, its time in a site's queue included."""
    worker_failures: PositiveInt = 10
    """Workers that failed to start, one after the other, before the cluster is ended."""
    heartbeat: PositiveInt = 15
    """Seconds between two reports of a scheduler."""
    heartbeat_missed: Duration = "2m"
    """A scheduler that reports no more; computations can keep it busy."""
    idle: Duration | None = "1h"
    """A cluster that computes nothing; none: never."""
    orphan: Duration = "3m"
    """Pods that belong to no cluster, after which they are removed."""

    @field_validator("heartbeat_missed")
    @classmethod
    def _is_longer(cls, value: str) -> str:
        if seconds(value) < 30:
            raise ValueError(f"{value} is too short for a scheduler that is busy; use 30s or more")
        return value


class Settings(Section):
    """The whole file."""

    namespace: ObjectName
    """Where pods are made."""
    instance: ObjectName = "dask"
    """Tells the pods of this gateway from those of others in the same namespace; never changed once pods exist."""
    listen: HostPort = "0.0.0.0:8001"
    """Where the gateway listens, for its proxy and for schedulers."""
    api_url: HttpUrl
    """Where schedulers find the gateway, as in http://gateway:8001/api."""
    metrics: HostPort
    """Where metrics and readiness are served."""
    kubeconfig: Path | None = None
    """Kubeconfig of the API server; none: this pod's service account."""
    proxy: Proxy = Proxy()
    database: Database
    hub: Hub
    catalogue: Catalogue
    """The images, as they stand in the values of the hub (`jupyterhub.custom.highrate.catalogue`)."""
    sites: Annotated[Sites, Field(min_length=1)] = {LOCAL: Place()}
    """Where workers run, by the name that users choose."""
    limits: Limits = Limits()
    group_limits: dict[str, GroupLimits] = {}
    """By group."""
    rate: Rate = Rate()
    defaults: Defaults = Defaults()
    scheduler: Scheduler = Scheduler()
    pods: Pods = Pods()
    cvmfs: Cvmfs = Cvmfs()
    relay: Relay | None = None
    """None: only ordinary nodes can be used."""
    timing: Timing = Timing()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._of_defaults(), *self._of_sites(), *self._of_tickets()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _of_defaults(self) -> list[str]:
        site = self.sites.get(self.defaults.site)
        found = []
        if site is None or not is_member(frozenset(), site.groups):
            offered = [name for name, place in self.sites.items() if not place.groups]
            found.append(
                f'defaults.site is "{self.defaults.site}", which is no site for everybody; those are '
                f"{', '.join(offered) or 'none'}"
            )
        for name, most in (("worker_cores", self.limits.worker_cores), ("worker_memory", self.limits.worker_memory)):
            if getattr(self.defaults, name) > most:
                found.append(f"defaults.{name} is more than limits.{name}, {most}")
        return found

    def _of_sites(self) -> list[str]:
        found = []
        for name, place in self.sites.items():
            if place.node is None:
                continue
            if self.relay is None:
                found.append(
                    f"sites.{name} is behind a virtual node, whose jobs are reached through a relay; give relay"
                )
            if name == LOCAL:
                found.append(f"sites.{LOCAL} means ordinary nodes; name the site of node {place.node} otherwise")
        return found

    def _of_tickets(self) -> list[str]:
        """A job's ticket is that of its pod: it has to last for the queue and the whole wall time."""
        if self.relay is None:
            return []
        longest = max((seconds(p.wall_time.maximum) for p in self.sites.values() if p.wall_time), default=0)
        needed = seconds(self.timing.worker_start) + longest
        if seconds(self.relay.ticket_lifetime) < 2 * needed:
            return [
                f"relay.ticket_lifetime is {self.relay.ticket_lifetime}, but must be at least twice timing.worker_start "
                f"and the longest wall time together: {2 * needed}s"
            ]
        return []
