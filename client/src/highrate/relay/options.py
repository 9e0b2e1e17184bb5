"""What Dask's configuration says about the relay; read at each use, since it may change."""

from dataclasses import dataclass

import dask.config

LISTEN_TICKET = "highrate.relay.listen-ticket-file"
DIAL_TICKET = "highrate.relay.dial-ticket-file"


@dataclass(frozen=True)
class Options:
    """The keys below `highrate.relay`. In the environment, they are DASK_HIGHRATE__RELAY__LISTEN_TICKET_FILE and so on."""

    listen_ticket_file: str | None
    """The ticket that lets this process be called."""
    dial_ticket_file: str | None
    """The ticket that lets this process call."""
    ca_file: str | None
    """PEM file with the authority of the relay's certificate, beside those of the system."""
    network: str | None
    """The network that this process is in: addresses of the same one are dialled directly first."""
    direct_host: str | None
    """The host under which this process is reached from within `network`; without it, found out."""
    listen_id: str | None
    """The id to listen as; without it, one of chance. For a scheduler, whose address has to be known before."""


def options() -> Options:
    """The options as they are now."""
    names = {field: field.replace("_", "-") for field in Options.__dataclass_fields__}
    values = {field: dask.config.get(f"highrate.relay.{name}", None) for field, name in names.items()}
    return Options(**{field: str(value) if value not in (None, "") else None for field, value in values.items()})
