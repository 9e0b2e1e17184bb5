"""Authorities that vouch for the provider: the system's, and those of a file, which administrators replace while the hub runs."""

import functools
import hashlib
import ssl
import tempfile
from pathlib import Path

# Where Debian has the system's, in the hub's image too.
_SYSTEM = "/etc/ssl/certs/ca-certificates.crt"


def unusable(file: str) -> str:
    """Why no authorities can be read of it; empty if they can."""
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        return "no certificates in PEM"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def beside_the_systems(file: str) -> Path:
    """A file with the system's authorities and those of `file`, since libcurl takes either its own or those of one file.

    Another path for another content: libcurl keeps what it read of a path for a day. Files stay until the process ends, since a
    handle of libcurl keeps the path for its requests to other servers. Raises OSError.
    """
    system = Path(ssl.get_default_verify_paths().cafile or _SYSTEM)
    known = [system.read_bytes()] if system.exists() else []
    content = b"\n".join([*known, Path(file).read_bytes()])
    made = Path(_folder().name) / f"{hashlib.sha256(content).hexdigest()}.pem"
    if not made.exists():
        whole = made.with_suffix(".new")
        whole.write_bytes(content)
        whole.replace(made)
    return made


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Nobody else's, below $TMPDIR, /tmp or, where the root can't be written, the working folder; removed with the process."""
    return tempfile.TemporaryDirectory(prefix="authorities-")
