"""The secret that tickets of the job channel are made with: a file of 32 random bytes, made once."""

import secrets
import stat
from pathlib import Path

from service_runtime.files import write_atomically

BYTES = 32


class BadSecret(Exception):
    """The file can't be used."""


def read_or_make(path: Path) -> bytes:
    """The secret in `path`, made there if there is no such file. Raises BadSecret, OSError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        secret = secrets.token_bytes(BYTES)
        write_atomically(path, secret, mode=0o600, durable=True)
        return secret
    if status.st_mode & stat.S_IRWXO:  # not the group: Kubernetes gives the files of a volume to the group of its pod
        raise BadSecret(
            f"{path} can be read by others: chmod 600 it, or remove it and let running jobs lose their channel"
        )
    secret = path.read_bytes()
    if len(secret) < BYTES:
        raise BadSecret(f"{path} has {len(secret)} bytes, a secret has at least {BYTES}: remove it to have one made")
    return secret
