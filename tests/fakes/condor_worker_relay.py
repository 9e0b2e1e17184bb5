"""Stands in for the sidecar's worker program: hands the pipe's bytes to a FakeSchedd's socket and back.

A process of its own, so that deadlines, kills and deaths are as real as they are with HTCondor's binding.
Usage: condor_worker_relay.py SOCKET PARENT_PID
"""

import os
import socket
import sys
import threading


def main() -> None:
    upstream = socket.socket(socket.AF_UNIX)
    upstream.connect(sys.argv[1])

    def forward() -> None:
        while data := os.read(0, 1 << 16):
            upstream.sendall(data)
        os._exit(0)

    threading.Thread(target=forward, daemon=True).start()
    while data := upstream.recv(1 << 16):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


main()
