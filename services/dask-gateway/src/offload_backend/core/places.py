"""Paths and ports in the pods: the two halves of each pair of commands and variables must agree on them."""

from typing import Final

CREDENTIALS: Final = "/etc/dask-credentials"
CERTIFICATE: Final = "dask.crt"
KEY: Final = "dask.pem"
API_TOKEN: Final = "api-token"  # noqa: S105 - a file's name
LISTEN_TICKET: Final = "relay-listen.ticket"
DIAL_TICKET: Final = "relay-dial.ticket"
RELAY_CA: Final = "relay-ca.crt"

SCRATCH: Final = "/scratch"
TMP: Final = "/tmp"  # noqa: S108 - of the pod alone
RUN: Final = "/run/highrate"
CVMFS: Final = "/cvmfs"

SCHEDULER_PORT: Final = 8786
DASHBOARD_PORT: Final = 8787
API_PORT: Final = 8788

SCHEDULER_ID: Final = "scheduler"
"""Under which the scheduler listens on the relay; the relay keeps clusters apart."""
LOCAL_NETWORK: Final = "local"
"""Pods of ordinary nodes reach each other directly."""


def credential(file: str) -> str:
    return f"{CREDENTIALS}/{file}"
