"""What a program writes that the supervisor runs: its beginning is kept, all else is read and dropped.

It is neither held up nor does it fill the disk, however much it writes. What it leaves behind may go on writing.
"""

import os
import threading

DRAIN = 0.5  # seconds to wait for the last of it, should somebody else keep it open


class Output(threading.Thread):
    """A pipe and its reader; `theirs` is for the program, and to be closed here once it is started."""

    def __init__(self, most: int) -> None:
        super().__init__(name="output", daemon=True)
        self._most, self._kept = most, b""
        self._ours, self.theirs = os.pipe()

    def run(self) -> None:
        """Read to the end."""
        with open(self._ours, "rb", buffering=0) as pipe:
            data = pipe.read(65536)
            while data:
                self._kept += data[: self._most - len(self._kept)]
                data = pipe.read(65536)

    def kept(self) -> bytes:
        """The beginning of what the program wrote, which has ended."""
        self.join(DRAIN)
        return self._kept
