"""A worker process as the service sees it: one call at a time, each with a deadline, killed and replaced when it is late.

The binding can't be cancelled (see binding.py), so a call that takes too long is ended by ending its process. What the
call did by then is unknown, and said so.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence

import msgspec
from service_runtime.logs import get_logger

from condor_sidecar import metrics
from condor_sidecar.io.frames import frame, receive_frame
from condor_sidecar.io.turn import NoTurn, Turn
from condor_sidecar.model.calls import ConnectionSettings, Failure, FailureKind, Reply, Request

WORKER_COMMAND = (sys.executable, "-m", "condor_sidecar.io.worker_main")

# would change how the worker logs in, or where it looks for HTCondor
_SCRUBBED = ("BEARER_TOKEN", "BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR", "X509_USER_PROXY")

log = get_logger(__name__)

_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class Worker:
    """One process, started at the first call. Calls wait for each other."""

    def __init__(self, role: str, settings: ConnectionSettings, command: Sequence[str] = WORKER_COMMAND) -> None:
        self._role = role
        self._settings = settings
        self._command = tuple(command)
        self._process: asyncio.subprocess.Process | None = None
        self._turn = Turn()

    async def call(self, request: Request, deadline: float) -> Reply:
        """The worker's answer within `deadline` seconds; Failure UNKNOWN when it is late or dies. Raises nothing else.

        Its turn must come within `deadline` seconds too; else Failure BUSY, since nothing was asked.
        """
        name = type(request).__name__.lower()
        try:
            async with self._turn.taken(name, deadline):
                return await self._have_turn(name, request, deadline)
        except NoTurn as error:
            return error.failure

    async def _have_turn(self, name: str, request: Request, deadline: float) -> Reply:
        began = time.monotonic()
        try:
            async with asyncio.timeout(deadline):
                reply = await self._ask(request)
        except TimeoutError:
            reply = Failure(FailureKind.UNKNOWN, f"HTCondor didn't answer within {deadline:.0f} s ({name})")
            await self._replace(reply.text)
        except (asyncio.IncompleteReadError, ConnectionError, OSError, ValueError, msgspec.MsgspecError) as error:
            reply = Failure(FailureKind.UNKNOWN, f"the worker process ended during {name} ({error})")
            await self._replace(reply.text)
        except asyncio.CancelledError:
            await self._replace("cancelled")
            raise
        outcome = reply.kind.value if isinstance(reply, Failure) else "ok"
        metrics.SCHEDD_CALLS.labels(name, outcome).inc()
        metrics.SCHEDD_SECONDS.labels(name).observe(time.monotonic() - began)
        return reply

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.kill()
        await process.wait()

    async def _ask(self, request: Request) -> Reply:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(frame(request))
        await process.stdin.drain()
        return _replies.decode(await receive_frame(process.stdout))

    async def _start(self) -> asyncio.subprocess.Process:
        environment = {
            k: v for k, v in os.environ.items() if k not in _SCRUBBED and not k.upper().startswith("_CONDOR_")
        }
        environment["CONDOR_CONFIG"] = "/dev/null"
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=1 << 20,
            start_new_session=True,  # a Ctrl-C at the terminal is the service's business
        )
        assert process.stdin is not None
        process.stdin.write(frame(self._settings))
        metrics.WORKER_STARTS.labels(self._role).inc()
        log.info("worker.started", role=self._role, pid=process.pid)
        return process

    async def _replace(self, why: str) -> None:
        log.warning("worker.replaced", role=self._role, reason=why)
        await self.close()
