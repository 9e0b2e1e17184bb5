"""The schedd as the service sees it: one method per thing that is asked of it, each with a deadline.

Behind it are five worker processes, so that a transfer that takes minutes delays no query, and a query no submission.
Whoever reads logs has one of them, `live`, and no other.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from condor_sidecar.core import constraint
from condor_sidecar.core.submit_batch import Batch
from condor_sidecar.io.turn import NoTurn, Turn
from condor_sidecar.io.worker import WORKER_COMMAND, Worker
from condor_sidecar.model.calls import (
    Act,
    Action,
    Ads,
    Changes,
    ConnectionSettings,
    Done,
    Edit,
    Failure,
    FailureKind,
    History,
    Poll,
    Reply,
    Retrieve,
    Submit,
    SubmitItem,
    Submitted,
)


@dataclass(frozen=True, slots=True)
class CallDeadlines:
    """Seconds after which a call is given up and its worker process ended."""

    query: float = 30
    submit: float = 120
    act: float = 30
    history: float = 60
    transfer: float = 300


class ScheddError(Exception):
    """A call failed; `kind` says whether anything can have happened, the text has HTCondor's words."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.kind = failure.kind


class Schedd:
    """Calls for the jobs of one instance at one endpoint under one identity."""

    def __init__(
        self,
        instance: str,
        settings: ConnectionSettings,
        deadlines: CallDeadlines | None = None,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        self.instance = instance
        self._deadlines = deadlines or CallDeadlines()
        self._workers = {
            role: Worker(role, settings, command) for role in ("submit", "poll", "transfer", "live", "act")
        }
        self._changes_seen = 0
        self._live_turn = Turn()

    async def close(self) -> None:
        """End all workers; calls under way have an unknown outcome."""
        await asyncio.gather(*(worker.close() for worker in self._workers.values()))

    async def submit(self, batch: Batch, folders: Sequence[Path], payloads: Sequence[bytes]) -> Submitted:
        """Submit a batch; `folders[i]` and `payloads[i]` belong to `batch.records[i]`. Raises ScheddError."""
        items = [
            SubmitItem(str(folder), values, payload)
            for folder, values, payload in zip(folders, batch.values, payloads, strict=True)
        ]
        reply = await self._call("submit", Submit(batch.description, items), self._deadlines.submit)
        assert isinstance(reply, Submitted)
        return reply

    async def poll(self) -> Changes:
        """What changed among this instance's jobs since the last answer. Raises ScheddError."""
        request = Poll(constraint.unfinished(self.instance), self._changes_seen)
        self._changes_seen = 0  # an answer that never arrives makes the next one complete
        reply = await self._call("poll", request, self._deadlines.query)
        assert isinstance(reply, Changes)
        self._changes_seen = reply.number
        return reply

    def poll_anew(self) -> None:
        """Let the next poll's answer be complete."""
        self._changes_seen = 0

    async def history(self, uids: Iterable[str]) -> Ads:
        """Jobs of these pods that left the queue, newest first. Raises ScheddError."""
        wanted = list(uids)
        request = History(constraint.of_pods(self.instance, wanted), 4 * len(wanted))
        reply = await self._call("act", request, self._deadlines.history)
        assert isinstance(reply, Ads)
        return reply

    async def remove_pods(self, uids: Iterable[str], reason: str) -> Done:
        """Remove all jobs of these pods. Raises ScheddError."""
        return await self._act(Action.REMOVE, constraint.of_pods(self.instance, uids), reason)

    async def remove_jobs(self, job_ids: Iterable[str], reason: str) -> Done:
        """Remove these jobs. Raises ScheddError."""
        return await self._act(Action.REMOVE, constraint.of_jobs(self.instance, job_ids), reason)

    async def release(self, job_ids: Iterable[str], reason: str) -> Done:
        """Release these held jobs. Raises ScheddError."""
        return await self._act(Action.RELEASE, constraint.of_jobs(self.instance, job_ids), reason)

    async def mark_fetched(self, job_ids: Iterable[str]) -> None:
        """Their output is stored here: the jobs may leave the queue. Raises ScheddError."""
        request = Edit(constraint.of_jobs(self.instance, job_ids), "InterlinkFetched", "true")
        await self._call("act", request, self._deadlines.act)

    async def retrieve(self, job_ids: Iterable[str], folders: Sequence[Path]) -> None:
        """Bring the output of these jobs into their folders. Raises ScheddError."""
        request = Retrieve(constraint.of_jobs(self.instance, job_ids), [str(folder) for folder in folders])
        await self._call("transfer", request, self._deadlines.transfer)

    @contextlib.asynccontextmanager
    async def live_turn(self) -> AsyncIterator[None]:
        """Wait until no other log is being fetched; inside, `retrieve_live` is asked at once. Raises ScheddError (BUSY)."""
        try:
            async with self._live_turn.taken("retrieve_live", self._deadlines.query):
                yield
        except NoTurn as error:
            raise ScheddError(error.failure) from error

    async def retrieve_live(self, job_id: str, folder: Path) -> None:
        """Bring the output so far of one running job into its folder, in a `live_turn`. Raises ScheddError."""
        request = Retrieve(constraint.of_jobs(self.instance, [job_id]), [str(folder)])
        await self._call("live", request, self._deadlines.query)

    async def _act(self, action: Action, jobs: str, reason: str) -> Done:
        reply = await self._call("act", Act(action, jobs, reason), self._deadlines.act)
        assert isinstance(reply, Done)
        if reply.denied:
            raise ScheddError(Failure(FailureKind.DENIED, f"{action.value} was refused for {reply.denied} job(s)"))
        return reply

    async def _call(
        self, role: str, request: Submit | Poll | History | Act | Edit | Retrieve, deadline: float
    ) -> Reply:
        reply = await self._workers[role].call(request, deadline)
        if isinstance(reply, Failure):
            raise ScheddError(reply)
        return reply
