"""Makes the program that a container starts with.

It becomes the container's process, with exactly the arguments and the environment it was made for. Apptainer hands an
environment on through a shell interpreter of its own, which loses names that are no shell identifiers, empty values and
`\\u000A`, and appends to PATH and LD_LIBRARY_PATH. An image can't be relied on to hold a program that sets an environment, and
putting it on a command line would show it to everyone on the worker node. So the argument and environment vectors are laid
out, as the kernel wants them, in a static executable of a few instructions: it begins a session of its own, whose terminal is
that of its standard output if it has one, makes the asked symbolic links, writes "S" to the status file, tries each path with
execve and notes the error number of each failure as one byte.

A status file that stayed empty says that the container was never made; one with more than "S", that its command couldn't be
started, and why.
"""

import errno
import struct
from typing import Dict, NamedTuple, Sequence, Tuple

Vector = Sequence[bytes]

BASE = 0x10000000  # where the one segment is loaded, on any page size up to 64 KiB
TABLE = 0x100  # offset of the table that the code below reads, so that the code is constant
CODE = 0x140
MARK = b"S"
FAILED = 128  # exit status after every execve failed: what a kubelet shows for a command that can't be started


class Machine(NamedTuple):
    """A processor: its number in an ELF header, and the code that the docstring above describes."""

    elf_number: int
    code: bytes


# The table holds pointers to the status file's path (+0), the paths to try (+8), argv (+16), envp (+24) and the links (+32),
# and the mark (+40).
MACHINES: Dict[str, Machine] = {
    "x86_64": Machine(
        62,
        bytes.fromhex(
            "b8 70000000   0f05"  # setsid()
            "bf 01000000   be 0e540000   31d2   b8 10000000   0f05"  # ioctl(1, TIOCSCTTY, 0)
            "bd 00010010   48 8b5d20"  # ebp = table; rbx = links
            "48 8b3b   48 85ff   74 11"  # each link: rdi = target, 0 ends
            "48 8b7308   b8 58000000   0f05"  # symlink(target, path)
            "48 83c310   eb e7"  # next link
            "48 8b7d00   be 01040800   b8 02000000   0f05"  # open(status, O_WRONLY|O_APPEND|O_CLOEXEC)
            "41 89c4   48 8d7528   48 8b5d08"  # r12 = fd; rsi = mark; rbx = paths
            "44 89e7   ba 01000000   b8 01000000   0f05"  # write(fd, rsi, 1)
            "48 8b3b   48 85ff   74 1b   48 83c308"  # each path: rdi = path, 0 ends
            "48 8b7510   48 8b5518   b8 3b000000   0f05"  # execve(path, argv, envp)
            "f7d8   50   48 89e6   eb ce"  # rsi = its error number; write it
            "bf 80000000   b8 e7000000   0f05"  # exit_group(128)
        ),
    ),
    "aarch64": Machine(
        183,
        bytes.fromhex(
            "a81380d2 010000d4"  # setsid()
            "200080d2 c1818ad2 020080d2 a80380d2 010000d4"  # ioctl(1, TIOCSCTTY, 0)
            "132080d2 1300a2f2 741240f9"  # x19 = table; x20 = links
            "800240f9 e00000b4"  # each link: x0 = target, 0 ends
            "610c8092 820640f9 880480d2 010000d4"  # symlinkat(target, AT_FDCWD, path)
            "94420091 f9ffff17"  # next link
            "600c8092 610240f9 228080d2 0201a0f2 080780d2 010000d4"  # openat(AT_FDCWD, status, ...)
            "f50300aa 61a20091 740640f9"  # x21 = fd; x1 = mark; x20 = paths
            "e00315aa 220080d2 080880d2 010000d4"  # write(fd, x1, 1)
            "808640f8 200100b4"  # each path: x0 = path, 0 ends
            "610a40f9 620e40f9 a81b80d2 010000d4"  # execve(path, argv, envp)
            "e00300cb e00f1ff8 e1030091 f3ffff17"  # x1 = its error number; write it
            "001080d2 c80b80d2 010000d4"  # exit_group(128)
        ),
    ),
}


class UnknownMachine(Exception):
    """There is no launcher for this processor."""


def build(
    machine: str, status: bytes, paths: Vector, argv: Vector, env: Vector, links: Sequence[Tuple[bytes, bytes]]
) -> bytes:
    """The launcher for `machine` (as in `os.uname()`), an executable file.

    `status` and `paths` are paths as seen in the container; `env` holds `NAME=value`; `links` pairs (target, path of the link).
    Raises UnknownMachine.
    """
    if machine not in MACHINES:
        raise UnknownMachine("containers can't be started on a %s processor" % machine)
    code = MACHINES[machine].code
    data = _Data(CODE + len(code) + -len(code) % 8)
    table = struct.pack(
        "<5Q1s",
        data.string(status),
        data.array(paths),
        data.array(argv),
        data.array(env),
        data.array([text for pair in links for text in pair]),
        MARK,
    )
    size = data.start + len(data.content)
    head = _elf_header(MACHINES[machine].elf_number, size)
    return (
        head.ljust(TABLE, b"\0")
        + table.ljust(CODE - TABLE, b"\0")
        + code.ljust(data.start - CODE, b"\0")
        + data.content
    )


def failure(status: bytes, command: str) -> str:
    """Why the container's command didn't start, in a container runtime's words; empty if it started."""
    numbers = [number for number in status[len(MARK) :] if number]
    if not numbers:
        return ""
    bare = "/" not in command
    worst = next((number for number in numbers if number not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES)), None)
    if worst is None:
        worst = errno.EACCES if errno.EACCES in numbers else numbers[-1]
    if bare and worst in (errno.ENOENT, errno.ENOTDIR):
        return 'exec: "%s": executable file not found in $PATH' % command
    return 'exec: "%s": %s' % (command, _WORDS.get(worst, "error %d" % worst))


_WORDS = {
    errno.ENOENT: "no such file or directory",
    errno.ENOTDIR: "not a directory",
    errno.EACCES: "permission denied",
    errno.ENOEXEC: "exec format error",
    errno.E2BIG: "argument list too long",
}


class _Data:
    """Strings and arrays of pointers after the code, at addresses known before the file is written."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.content = b""

    def string(self, text: bytes) -> int:
        address = BASE + self.start + len(self.content)
        self.content += text + b"\0"
        return address

    def array(self, texts: Vector) -> int:
        pointers = [self.string(text) for text in texts]
        self.content += b"\0" * (-len(self.content) % 8)
        address = BASE + self.start + len(self.content)
        self.content += struct.pack("<%dQ" % (len(pointers) + 1), *pointers, 0)
        return address


def _elf_header(elf_number: int, size: int) -> bytes:
    """ELF64, little-endian, one readable and executable segment of the whole file, a stack that isn't executable."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, elf_number, 1, BASE + CODE, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x10000)
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack
