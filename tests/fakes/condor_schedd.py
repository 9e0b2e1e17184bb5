"""A schedd's queue in memory, for faults that a real one won't produce on demand.

It speaks the protocol between the sidecar and its worker processes, behind real processes (condor_worker_relay.py), and keeps
to what a real schedd does: jobs are held with code 16 until their input is there, `leave_in_queue` looks at InterlinkFetched,
removed jobs go to the history.
"""

import asyncio
import io
import json
import re
import sys
import tarfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from condor_sidecar.io.frames import frame, receive_frame
from condor_sidecar.model.calls import (
    Act,
    Action,
    Ads,
    Changes,
    ConnectionSettings,
    Done,
    Edit,
    Failure,
    History,
    Poll,
    Reply,
    Request,
    Retrieve,
    Submit,
    Submitted,
)

from tests.fakes.condor_jobs import COMPLETED, HELD, IDLE, REMOVED, RUNNING, Job, ad, matches

RELAY = Path(__file__).with_name("condor_worker_relay.py")


class FakeSchedd:
    """The queue. `faults` maps a request's type name to what its next calls do instead of answering:

    a Failure is the answer; "hang" never answers; "die" cuts the connection before anything is done, "die-after" when all is
    done; "slow" answers a second after it is done; "silent" (retrieves) sends no files; "die-before-spool" (submits) dies when
    the jobs are in the queue and their input isn't.
    """

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "schedd.sock"
        self.jobs: dict[str, Job] = {}
        self.history: list[Job] = []
        self.faults: dict[str, deque[Failure | str]] = {}
        self.down: Failure | None = None
        self.log: list[str] = []
        self.auto_stage = True
        self.keeps_removed = False
        """Until `let_go`, as a compute element does until its router has seen to them."""
        self._cluster = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._pins: dict[int, dict[str, bytes]] = {}

    @property
    def command(self) -> tuple[str, ...]:
        """What to start as a worker process."""
        return (sys.executable, str(RELAY), str(self.socket))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, self.socket)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def fail(self, request: str, *faults: Failure | str) -> None:
        """What the next calls of this kind do."""
        self.faults.setdefault(request, deque()).extend(faults)

    def of(self, uid: str) -> list[Job]:
        """The pod's jobs in the queue."""
        return [job for job in self.jobs.values() if job.uid == uid]

    def run(self, uid: str) -> Job:
        """Let the pod's job start."""
        (job,) = self.of(uid)
        assert job.attributes["JobStatus"] == IDLE, job.attributes
        now = int(time.time())
        job.enter(RUNNING, NumJobStarts=1, JobStartDate=now, JobCurrentStartDate=now, RemoteHost="slot1@wn")
        return job

    def complete(self, uid: str, exit_code: int = 0, output: Mapping[str, bytes] | None = None) -> Job:
        """Let the pod's running job end; `output` is what is in its folder then."""
        (job,) = self.of(uid)
        job.enter(COMPLETED, ExitCode=exit_code, ExitBySignal=False, CompletionDate=int(time.time()))
        job.output = dict(output or {})
        return job

    def hold(self, uid: str, code: int, reason: str, **attributes: Any) -> Job:
        (job,) = self.of(uid)
        job.enter(HELD, HoldReasonCode=code, HoldReason=reason, **attributes)
        return job

    def let_go(self) -> None:
        """Removed jobs leave the queue."""
        for job in [job for job in self.jobs.values() if job.attributes["JobStatus"] == REMOVED]:
            del self.jobs[job.job_id]
            self.history.insert(0, job)

    def drop(self, uid: str, remove_reason: str | None = None, remember: bool = True) -> None:
        """Let the pod's job leave the queue behind the sidecar's back."""
        (job,) = self.of(uid)
        del self.jobs[job.job_id]
        job.enter(REMOVED, RemoveReason=remove_reason or "by hand")
        if remember:
            self.history.insert(0, job)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        sent: dict[str, bytes] = {}
        number = 0
        try:
            msgspec.msgpack.decode(await receive_frame(reader), type=ConnectionSettings)
            while True:
                request: Request = msgspec.msgpack.decode(await receive_frame(reader), type=Request)
                name = type(request).__name__
                self.log.append(name)
                fault = self.faults[name].popleft() if self.faults.get(name) else None
                if fault == "hang":
                    await asyncio.sleep(3600)
                if fault == "die":
                    return
                if isinstance(fault, Failure) or self.down is not None:
                    writer.write(frame(fault if isinstance(fault, Failure) else self.down))
                    continue
                if isinstance(request, Poll):
                    number += 1
                    reply: Reply = self._poll(request, number, sent)
                else:
                    reply = self._answer(request, spooled=fault != "die-before-spool", silent=fault == "silent")
                if fault in ("die-after", "die-before-spool"):
                    return
                if fault == "slow":
                    await asyncio.sleep(1)
                writer.write(frame(reply))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._connections.discard(task)

    def _answer(self, request: Request, spooled: bool, silent: bool) -> Reply:
        match request:
            case Submit():
                return self._submit(request, spooled)
            case History():
                found = [job for job in self.history if matches(job, request.constraint)]
                return Ads([ad(job) for job in found[: request.limit]])
            case Act():
                return self._act(request)
            case Edit():
                jobs = self._found(request.constraint)
                for job in jobs:
                    job.attributes[request.attribute] = json.loads(request.value)
                    if job.attributes["JobStatus"] == COMPLETED and job.attributes.get("InterlinkFetched"):
                        del self.jobs[job.job_id]
                        self.history.insert(0, job)
                return Done(len(jobs))
            case Retrieve():
                for job in [] if silent else self._found(request.constraint):
                    job.folder.mkdir(parents=True, exist_ok=True)
                    for name, content in {**job.output, "payload.tar": job.payload}.items():
                        (job.folder / name).write_bytes(content)
                return Done(1)
        raise AssertionError(request)

    def _act(self, request: Act) -> Done:
        jobs = self._found(request.constraint)
        if request.action is Action.REMOVE:
            chosen = [job for job in jobs if job.attributes["JobStatus"] != REMOVED]
            for job in chosen:
                job.enter(REMOVED, RemoveReason="by the sidecar")
            if not self.keeps_removed:
                self.let_go()
        else:
            chosen = [job for job in jobs if job.attributes["JobStatus"] == HELD]
            for job in chosen:
                job.enter(IDLE, HoldReasonCode=None, HoldReason=None)
        return Done(len(chosen))

    def _submit(self, request: Submit, spooled: bool) -> Submitted:
        self._cluster += 1
        for number, item in enumerate(request.items):
            commands = {
                key: re.sub(r"\$\((\w+)\)", lambda m, v=item.values: v[m[1]], value)  # type: ignore[misc]
                for key, value in request.description.items()
            }
            mine = {key[3:]: value for key, value in commands.items() if key.startswith("MY.")}
            attributes = {key: json.loads(value) for key, value in mine.items() if value[:1] in '"0123456789tf'}
            job = Job({**attributes, "ClusterId": self._cluster, "ProcId": number}, Path(item.folder), item.payload)
            # a worker that is killed leaves what it has written there
            job.folder.mkdir(parents=True, exist_ok=True)
            (job.folder / "payload.tar").write_bytes(job.payload)
            job.attributes.update(QDate=int(time.time()), NumJobStarts=0)
            job.enter(HELD, HoldReasonCode=16, HoldReason="Spooling input data files")
            if spooled and self.auto_stage:
                job.enter(IDLE, HoldReasonCode=None, StageInFinish=int(time.time()))
            self.jobs[job.job_id] = job
        return Submitted(self._cluster, 0)

    def _poll(self, request: Poll, number: int, sent: dict[str, bytes]) -> Changes:
        complete = request.since == 0 or request.since != number - 1
        if complete:
            sent.clear()
        there = {job.job_id: ad(job) for job in self._found(request.constraint)}
        changed = [found for job_id, found in there.items() if sent.get(job_id) != msgspec.msgpack.encode(found)]
        gone = [job_id for job_id in sent if job_id not in there]
        sent.clear()
        sent.update({job_id: msgspec.msgpack.encode(found) for job_id, found in there.items()})
        return Changes(number, complete, changed, gone, int(time.time()))

    def _found(self, constraint: str) -> list[Job]:
        return [job for job in self.jobs.values() if matches(job, constraint)]


def out_tar(
    containers: Mapping[str, int],
    logs: Mapping[str, bytes] | None = None,
    more: Mapping[str, object] | None = None,
    phase: str = "ended",
) -> bytes:
    """What a supervisor leaves behind: main containers with their exit codes and `more` of each, and their logs."""
    record = {
        "version": 1,
        "phase": phase,
        "revision": 100,
        "containers": [
            {
                "name": name,
                "kind": "main",
                "state": "terminated",
                "started": "2026-01-01T00:00:00Z",
                "finished": "2026-01-01T00:00:09Z",
                "exit_code": code,
                **(more or {}),
            }
            for name, code in containers.items()
        ],
    }
    files = {"state.json": json.dumps(record).encode()}
    files.update({f"logs/{name}.log": content for name, content in (logs or {}).items()})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
