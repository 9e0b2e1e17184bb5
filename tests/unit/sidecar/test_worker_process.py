"""A worker never outlives its parent: one inside a submit would make a job that the parent's successor makes, too."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec
from condor_sidecar.io.frames import frame, read_frame
from condor_sidecar.io.worker import WORKER_COMMAND
from condor_sidecar.model.calls import ConnectionSettings, Failure, Poll, Reply

PATIENCE = 60.0
PARENT = (
    "import os, subprocess, sys, time\n"
    "worker = subprocess.Popen([*sys.argv[3:], str(os.getpid())], stdin=int(sys.argv[1]), stdout=int(sys.argv[2]),\n"
    "                          start_new_session=True)\n"
    "print(worker.pid, flush=True)\n"
    "time.sleep(600)\n"
)


@contextmanager
def worker_of_another() -> Iterator[tuple[subprocess.Popen[bytes], int, BinaryIO, BinaryIO]]:
    """A parent, its worker's process (a pidfd), and both ends of the talk with it: its input doesn't end with the parent."""
    (worker_in, requests), (replies, worker_out) = os.pipe(), os.pipe()
    command = [sys.executable, "-c", PARENT, str(worker_in), str(worker_out), *WORKER_COMMAND]
    with (
        os.fdopen(requests, "wb", buffering=0) as ask,
        os.fdopen(replies, "rb") as answers,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, pass_fds=(worker_in, worker_out), env={"CONDOR_CONFIG": "/dev/null"}
        ) as parent,
    ):
        os.close(worker_in)
        os.close(worker_out)
        assert parent.stdout is not None
        worker = os.pidfd_open(int(parent.stdout.readline()))
        try:
            yield parent, worker, ask, answers
        finally:
            parent.kill()
            if not has_ended(worker, 0):
                signal.pidfd_send_signal(worker, signal.SIGKILL)
            os.close(worker)


def has_ended(process: int, patience: float = PATIENCE) -> bool:
    return bool(select.select([process], [], [], patience)[0])


def test_a_worker_dies_with_its_parent_whatever_else_holds_its_input() -> None:
    with worker_of_another() as (parent, worker, ask, answers):
        ask.write(frame(ConnectionSettings("127.0.0.1:1", None, {})))
        ask.write(frame(Poll("true", 0)))
        reply = read_frame(answers)
        assert reply is not None
        assert isinstance(msgspec.msgpack.decode(reply, type=Reply), Failure), "it works, as far as it can"
        assert not has_ended(worker, 0)
        parent.send_signal(signal.SIGKILL)
        assert has_ended(worker)


def test_a_worker_whose_parent_died_before_it_could_ask_ends_at_once() -> None:
    silent, kept_open = os.pipe()
    done = subprocess.run([*WORKER_COMMAND, str(os.getpid() + 1)], stdin=silent, timeout=PATIENCE, check=False)
    os.close(silent)
    os.close(kept_open)
    assert done.returncode == 0


def test_a_worker_ends_with_its_input() -> None:
    with worker_of_another() as (_, worker, ask, _):
        ask.close()
        assert has_ended(worker)
