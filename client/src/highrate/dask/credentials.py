"""The session's credentials on a cluster's workers: what carries them there, and what becomes of them.

They travel as a plugin of Dask's, over the cluster's own TLS. The scheduler keeps the plugin, and gives it to each worker that
comes later before its first task. They are in no pod's specification, no job's description and no environment variable: those
say only where the files are.
"""

import asyncio
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from distributed.core import Status
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.worker import Worker

from highrate import private_file

NAME = "highrate-credentials"
TOKEN, PROXY = "BEARER_TOKEN_FILE", "X509_USER_PROXY"
ENCRYPTED = frozenset(("tls", "gateway", "relay", "wss", "offload"))
"""Schemes of Dask's addresses behind which there always is TLS."""
HANDOVER_SECONDS = 1.0
_CLUSTER = "DASK_GATEWAY_CLUSTER_NAME"

logger = logging.getLogger("distributed.worker")


class NotEncrypted(Exception):
    """Credentials would travel in the clear; the text says where."""


@dataclass(frozen=True)
class Credential:
    """One file's content; it doesn't show up where this is printed."""

    variable: str
    """The environment variable by which programs find the file."""
    content: bytes = field(repr=False)
    expires_at: float | None = None
    """Seconds since 1970; None: not known."""


def refuse_plain(*addresses: str) -> None:
    """Raises NotEncrypted if one of the addresses is reached without TLS."""
    for address in addresses:
        if urlsplit(address).scheme not in ENCRYPTED:
            raise NotEncrypted(
                f"credentials are not sent to {address}, which is reached without TLS; "
                "use a cluster of the platform, or one made with security=True"
            )


class CredentialFiles(WorkerPlugin):
    """Writes the files when it comes to a worker, and removes them when it goes: with the worker, or taken away."""

    name = NAME

    def __init__(self, *credentials: Credential) -> None:
        self._credentials = credentials
        self._places: dict[str, Path] = {}
        self._before: dict[str, str | None] = {}
        self._expiries: list[asyncio.TimerHandle] = []

    def setup(self, worker: Worker) -> None:
        """Raises NotEncrypted; OSError if there is no place to write."""
        refuse_plain(worker.address, worker.scheduler.address)
        for credential in self._credentials:
            left = None if credential.expires_at is None else credential.expires_at - time.time()
            if left is not None and left <= 0:
                logger.warning("What %s is to point to has expired: the session has nothing newer", credential.variable)
                continue
            self._put(credential, Path(worker.local_directory))
            if left is not None:
                # a program that finds no token says so; one that finds an old one fails in ways that mislead
                loop = asyncio.get_running_loop()
                self._expiries.append(loop.call_later(left, self._take, credential.variable))

    def teardown(self, worker: Worker) -> None:
        for timer in self._expiries:
            timer.cancel()
        for variable in list(self._places):
            if worker.status in (Status.closing, Status.closing_gracefully, Status.closed):
                self._take(variable)
            else:
                # A newer one may be about to come: a task that reads the file now is to find one or the other.
                asyncio.get_running_loop().call_later(HANDOVER_SECONDS, self._take, variable)

    def _put(self, credential: Credential, scratch: Path) -> None:
        variable = credential.variable
        place = _write(credential, scratch)
        predecessor = _OWNERS.get(place)
        self._before[variable] = predecessor._before.get(variable) if predecessor else os.environ.get(variable)
        self._places[variable], _OWNERS[place] = place, self
        os.environ[variable] = str(place)

    def _take(self, variable: str) -> None:
        """Remove the file, unless somebody newer has written it."""
        place = self._places.pop(variable, None)
        if place is None or _OWNERS.get(place) is not self:
            return
        del _OWNERS[place]
        with suppress(OSError):
            place.unlink()
        before = self._before.pop(variable)
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before


_OWNERS: dict[Path, CredentialFiles] = {}
"""Whose content each file has."""


def _write(credential: Credential, scratch: Path) -> Path:
    named = os.environ.get(credential.variable)
    # Only in a pod of the platform is the named file the worker's own: elsewhere it may be that of a person.
    if named and os.environ.get(_CLUSTER):
        with suppress(OSError):
            private_file.replace(Path(named), credential.content)
            return Path(named)
    folder = scratch / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    place = folder / credential.variable.lower()
    private_file.replace(place, credential.content)
    return place
