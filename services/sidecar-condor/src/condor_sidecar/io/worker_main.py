"""The program of a worker process: reads requests from its standard input, answers on its standard output.

Started as `python -m condor_sidecar.io.worker_main PARENT_PID`. The first message is ConnectionSettings, each further one a
Request; it ends with its input, and with its parent.
"""

import ctypes
import os
import signal
import sys

import msgspec

from condor_sidecar.io.frames import frame, read_frame
from condor_sidecar.model.calls import ConnectionSettings, Failure, FailureKind, Reply, Request

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the input ends."""
    _die_with_parent()
    os.umask(0o077)
    # whatever a library prints must not land between our messages
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    first = read_frame(sys.stdin.buffer)
    if first is None:
        return
    from condor_sidecar.io.binding import Binding  # noqa: PLC0415 - 60 ms that the parent needn't pay

    binding = Binding(msgspec.msgpack.decode(first, type=ConnectionSettings))
    decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
    while (data := read_frame(sys.stdin.buffer)) is not None:
        try:
            reply: Reply = binding.handle(decoder.decode(data))
        except Exception as error:  # noqa: BLE001 - the outermost boundary: the parent hears of it and logs it
            reply = Failure(FailureKind.UNKNOWN, f"{type(error).__name__}: {error}")
        replies.write(frame(reply))
        replies.flush()


def _die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent dies: a worker inside a submit would otherwise finish it behind our
    successor's back, and make a second job."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):  # it died before we asked
        sys.exit(0)


if __name__ == "__main__":
    main()
