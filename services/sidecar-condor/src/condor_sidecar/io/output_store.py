"""Fetched output on disk: each container's log, and nothing that could be a secret of the pod.

`outputs/UID/logs/CONTAINER.log` has CRI lines; `sandboxes/UID` is where HTCondor writes what it brings back (a job's ad
names that folder, so it is the pod's own). Deleted pods' logs stay for a while, and all of it within a budget.
"""

import os
import shutil
import time
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from service_runtime.files import sync_folder, write_atomically

from condor_sidecar.core.payload import PAYLOAD
from condor_sidecar.core.result import joined, parse_out_tar, parse_stream
from condor_sidecar.core.submit_batch import ERRORS, OUTPUT, STREAM
from condor_sidecar.model.result import JobResult, UnreadableResult

_DELETED = ".deleted"
_STREAM_LIMIT = 64 << 20
_RECORD_LIMIT = 128 << 20


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What HTCondor brought back of one job: whether it brought anything, the record in `out.tar` or, without one, the newest
    streamed one, and why that isn't the supervisor's last word, with the tail of its errors."""

    arrived: bool
    final: JobResult | None
    streamed: JobResult | None
    problem: str


class OutputStore:
    """Blocking file work: call it in a thread."""

    def __init__(self, data: Path) -> None:
        self._outputs = data / "outputs"
        self._sandboxes = data / "sandboxes"

    def prepare(self) -> None:
        """Make the folders, private to this account."""
        for folder in (self._outputs, self._sandboxes):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def sandbox(self, uid: str) -> Path:
        """The job's folder at this side: `initialdir` of its submit description."""
        return _inside(self._sandboxes, uid)

    def keep_sandbox(self, uid: str, names: Collection[str]) -> Sandbox:
        """Read what was brought back and store its logs, which the result has no more: many pods end at once, and memory
        must not hold the logs of all of them. Raises OSError, also where nothing came."""
        found = self.read_sandbox(uid, names)
        if not found.arrived:
            # HTCondor always sends something, be it the job's input: silence is no end
            raise FileNotFoundError("HTCondor sent nothing at all")
        result = found.final or found.streamed
        if result is not None:
            self.store(uid, result)
        return replace(found, final=_bare(found.final), streamed=_bare(found.streamed))

    def read_sandbox(self, uid: str, names: Collection[str]) -> Sandbox:
        """Read what was brought back of a pod whose containers have these names."""
        folder = self.sandbox(uid)
        arrived = folder.is_dir() and any(folder.iterdir())
        problem = ""
        final = streamed = None
        try:
            with (folder / OUTPUT).open("rb") as file:
                final = parse_out_tar(_checked(file), names)
        except FileNotFoundError:
            problem = f"the job left no {OUTPUT}"
        except (OSError, UnreadableResult) as error:
            problem = f"{OUTPUT} can't be read: {error}"
        if final is None or not final.ended:
            streamed = self._read_stream(folder / STREAM, names)
            problem += self._errors(folder / ERRORS)
        if final is not None and streamed is not None:
            # what a supervisor keeps in case that it is killed lacks the logs, or the last of them
            final, streamed = joined(final, streamed), None
        return Sandbox(arrived, final, streamed, problem)

    def read_stream(self, uid: str) -> bytes:
        """The supervisor's standard output as brought back last; empty if there is none."""
        try:
            with (self.sandbox(uid) / STREAM).open("rb") as stream:
                return stream.read(_STREAM_LIMIT)
        except OSError:
            return b""

    def store(self, uid: str, result: JobResult) -> None:
        """Keep the logs for good: they survive a power cut when this returns."""
        logs = _inside(self._outputs, uid) / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for container, lines in result.logs.items():
            write_atomically(_inside(logs, f"{container}.log"), lines, durable=True)
        sync_folder(logs.parent)
        sync_folder(self._outputs)

    def log_file(self, uid: str, container: str) -> Path:
        """Where a finished container's log is, if it is kept."""
        return _inside(_inside(self._outputs, uid) / "logs", f"{container}.log")

    def clear_sandbox(self, uid: str) -> None:
        """Remove what HTCondor brought back: what counts is stored."""
        shutil.rmtree(self.sandbox(uid), ignore_errors=True)

    def empty_sandboxes(self, uids: Iterable[str]) -> None:
        """Before output is brought for good: what an earlier look at the running job left must not pass for it."""
        for uid in uids:
            self.clear_sandbox(uid)

    def remove_payloads(self, uids: Iterable[str]) -> None:
        """Take the input of these pods' jobs away, which may be secret: after each transfer, also one that failed, since a worker
        process that was killed leaves it, and after bringing output, with which HTCondor sends the input back."""
        for uid in uids:
            (self.sandbox(uid) / PAYLOAD).unlink(missing_ok=True)

    def remove_left_payloads(self) -> None:
        """Those of transfers that ended with an earlier process; while none of ours is under way."""
        for left in self._sandboxes.glob(f"*/{PAYLOAD}"):
            left.unlink(missing_ok=True)

    def mark_deleted(self, uid: str) -> None:
        """The pod is gone: its logs may go when their time is up."""
        self.clear_sandbox(uid)
        folder = _inside(self._outputs, uid)
        if folder.is_dir():
            (folder / _DELETED).touch(mode=0o600)

    def prune(self, keep_seconds: float, most_bytes: int, known: Container[str]) -> int:
        """Remove logs of pods deleted longer ago than `keep_seconds`, then the oldest (deleted pods' first) until all
        take at most `most_bytes`. Gives the bytes that are left. Folders of pods that nobody knows count as deleted.

        `known` is asked about each folder that was found, and must tell of that moment: a walk may take long, and a pod that is
        accepted meanwhile gets its folder after it is known.
        """
        now = time.time()
        kept: list[tuple[bool, float, int, Path]] = []
        for folder in self._outputs.iterdir():
            marker = folder / _DELETED
            if folder.name not in known and not marker.exists():
                marker.touch(mode=0o600)
            deleted = marker.exists()
            since = marker.stat().st_mtime if deleted else folder.stat().st_mtime
            if deleted and now - since > keep_seconds:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                kept.append((not deleted, since, _size(folder), folder))
        total = sum(size for _, _, size, _ in kept)
        for _, _, size, folder in sorted(kept):
            if total <= most_bytes:
                break
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
        for folder in self._sandboxes.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        return total

    def _read_stream(self, path: Path, names: Collection[str]) -> JobResult | None:
        try:
            with path.open("rb") as stream:
                return parse_stream(stream.read(_STREAM_LIMIT), names)
        except (OSError, UnreadableResult):
            return None

    def _errors(self, path: Path) -> str:
        try:
            with path.open("rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(0, stream.tell() - 2000))
                text = stream.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""
        return f"; the supervisor said: {text}" if text else ""


def _inside(folder: Path, name: str) -> Path:
    """The file or folder `name` directly in `folder`. What is in it is removed as a whole: anything that leads elsewhere
    is refused, whoever let it come this far. Raises ValueError."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is no name of a file in {folder}")
    return folder / name


def _checked(file: BinaryIO) -> BinaryIO:
    """A file of a size that a supervisor leaves; a user's program ran beside it. Raises OSError, UnreadableResult."""
    if os.fstat(file.fileno()).st_size > _RECORD_LIMIT:
        raise UnreadableResult(f"it has more than {_RECORD_LIMIT} bytes")
    return file


def _bare(result: JobResult | None) -> JobResult | None:
    return None if result is None else replace(result, logs={})


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
