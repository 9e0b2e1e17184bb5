"""The configuration file, key by key."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, NonNegativeInt, PositiveFloat, PositiveInt
from service_runtime.setting_types import BaseUrl, HostPort
from service_runtime.settings import Section
from service_runtime.tls import TlsFiles


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError(f'"{value}" is no network: use addresses as in 10.0.0.0/8') from error


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]


class Limits(Section):
    """What callers can make us hold or do."""

    connections: PositiveInt = 20_000
    """Connections that are open or being answered, of all kinds; more get 503."""
    user_listeners: PositiveInt = 8_000
    """Listeners of one user, those whose place is kept included; more get 429. A Dask worker has two, with its nanny."""
    cluster_listeners: PositiveInt = 4_000
    """Listeners of one cluster."""
    user_streams: PositiveInt = 4_000
    """Streams of one user at the same time."""
    cluster_streams: PositiveInt = 4_000
    """Streams of one cluster."""
    user_pending: PositiveInt = 1_000
    """Calls of one user that wait for their listener."""
    cluster_pending: PositiveInt = 1_000
    """Calls of one cluster that wait for their listener."""
    listener_pending: PositiveInt = 200
    """Calls that wait for one listener."""
    user_calls_per_minute: PositiveFloat = 12_000
    """Calls of one user a minute, in the long run, whatever comes of them."""
    user_calls_burst: PositiveInt = 4_000
    """Calls of one user at once."""
    user_bytes_per_second: PositiveInt | None = None
    """What the streams of one user may pass in the long run; without it there is no limit."""
    failures_per_minute: PositiveFloat = 60
    """Tickets of one remote address a minute that turn out bad; more get 429 before anything is verified."""
    failures_burst: PositiveInt = 50
    """Bad tickets of one remote address at once."""
    remembered: PositiveInt = 50_000
    """Tickets, remote addresses and users that are remembered; the longest unused are forgotten."""


class Deadlines(Section):
    """Seconds."""

    answer: PositiveFloat = 10
    """Until the listener of a call has dialled back, its return to its place included."""
    reconnect: PositiveFloat = 60
    """A listener's place is kept for so long when its connection broke."""
    ping: PositiveFloat = 20
    """Between two pings on a control connection; it is given up when none is answered within half of it."""
    silence: PositiveFloat = 60
    """A connection whose peer acknowledges nothing, or takes nothing that waits for it, for so long is given up."""
    linger: PositiveFloat = 30
    """For the rest of a stream whose other end has closed."""


class Settings(Section):
    """The whole file."""

    listen: HostPort
    """Where calls arrive: host:port."""
    tls: TlsFiles | None = None
    """The certificate, read again when its files change; without it plain http is spoken, behind an ingress that ends TLS."""
    metrics: HostPort
    """Where metrics and readiness are served: host:port."""
    url: BaseUrl
    """This member's own address, as callers dial it; a path in front of /v1 may be part of it. Tickets have it as `aud`."""
    keys_file: Path
    """PEM file with the public keys, or certificates, whose tickets count: several while they rotate; read again when it
    changes."""
    clock_skew: NonNegativeInt = 30
    """Seconds that the clock of whoever signs may go wrong."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of the ingresses in front: their X-Forwarded-For says who calls."""
    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()
