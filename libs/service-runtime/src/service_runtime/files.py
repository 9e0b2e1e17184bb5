"""Files that other processes read while we replace them: tokens, certificates, journals."""

import os
import tempfile
from pathlib import Path


def write_atomically(
    path: Path, data: bytes, mode: int = 0o600, durable: bool = False, group: int | None = None
) -> None:
    """Replace `path` by `data` so that a reader sees the old or the new content, never a part of it.

    The file belongs to `group` (a number) if one is given, before anybody else can read it.
    `durable` flushes file and folder to the disk first: what was answered for must survive a power cut.
    Raises OSError; the old file is then untouched.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if group is not None:
                os.fchown(stream.fileno(), -1, group)
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the folder's entries, so that a rename or an unlink in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_token(path: Path) -> str:
    """The token in `path` without surrounding white space; "" if the file is empty. Raises OSError if it can't be read.

    Trimmed because a trailing newline makes an invalid HTTP header of it.
    """
    return path.read_text(encoding="ascii", errors="replace").strip()
