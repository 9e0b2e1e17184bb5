"""Keeps the session's credentials on a cluster's workers as fresh as they are in the session.

The session's own files are renewed by others, long before they expire: the token by the token agent, the proxy by
`voms-proxy-init`. So the keeper looks at them, and sends what has changed.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distributed import Client

from highrate.dask.credentials import NAME, PROXY, TOKEN, Credential, CredentialFiles, NotEncrypted, refuse_plain
from highrate.tokens import settings, token_file

EVERY = 15.0
"""Seconds between two looks at the session's files."""
SEND_SECONDS = 30.0
"""For a cluster to take them."""
STOP_SECONDS = 5.0
"""For taking them back: a cluster that is being ended may be gone already."""
_LARGEST = 256 * 1024

logger = logging.getLogger("distributed.client")


def of_session(environ: Mapping[str, str] = os.environ) -> tuple[Credential, ...]:
    """What the session has now: a token, a proxy, both or none."""
    token = settings.file(environ)
    proxy = Path(environ.get(PROXY) or f"/tmp/x509up_u{os.geteuid()}")  # noqa: S108 - where VOMS' programs put it
    note = token_file.read_note(token)
    found = (
        _read(TOKEN, token, None if note is None else note.expires_at),
        _read(PROXY, proxy, None),
    )
    return tuple(credential for credential in found if credential is not None)


def _read(variable: str, place: Path, expires_at: float | None) -> Credential | None:
    try:
        with place.open("rb") as source:
            content = source.read(_LARGEST + 1)
    except OSError:
        return None
    if not content or len(content) > _LARGEST:
        return None
    return Credential(variable, content, expires_at)


class CredentialKeeper:
    """For one client, in its loop. Nothing is sent where there is no TLS."""

    def __init__(self, client: Client, environ: Mapping[str, str] = os.environ, *, every: float = EVERY) -> None:
        self._client = client
        self._environ = environ
        self._every = every
        self._sent: tuple[Credential, ...] = ()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Sends what there is. Raises NotEncrypted."""
        await self.look()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Takes the files from the workers, if they can be reached."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._sent and self._client.status == "running":
            await self._send((), STOP_SECONDS)

    def cancel(self) -> None:
        """What was sent stays: another keeper of the same cluster has taken over."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def look(self) -> None:
        """Sends what has changed since the last look. Raises NotEncrypted."""
        now = tuple(c for c in of_session(self._environ) if c.expires_at is None or c.expires_at > time.time())
        if now == self._sent:
            return
        await self._refuse_plain()
        if await self._send(now):
            self._sent = now

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            if self._client.status in ("closing", "closed"):
                return
            try:
                await self.look()
            except NotEncrypted as error:
                logger.warning("The session's credentials are no longer renewed on the workers: %s", error)
                return

    async def _refuse_plain(self) -> None:
        scheduler: Any = self._client.scheduler
        info = await scheduler.identity(n_workers=-1)
        refuse_plain(scheduler.address, info["address"], *info["workers"])

    async def _send(self, credentials: tuple[Credential, ...], seconds: float = SEND_SECONDS) -> bool:
        """Whether the scheduler and all workers have taken them. Else the next look tries again. Raises NotEncrypted."""
        try:
            async with asyncio.timeout(seconds):
                if credentials:
                    await self._client._register_worker_plugin(
                        CredentialFiles(*credentials), name=NAME, idempotent=False
                    )
                else:
                    await self._client._unregister_worker_plugin(NAME)
        except NotEncrypted:
            raise
        except Exception as error:  # Dask raises here what a worker met, whatever that was
            logger.warning("The session's credentials can't be brought to the workers now", exc_info=error)
            return False
        return True
