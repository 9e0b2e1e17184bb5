"""The client's secret in its file, read at each use: administrators replace secrets while the hub runs."""

from pathlib import Path


def read_secret(file: str) -> str:
    """Raises ValueError with the reason, which is for administrators."""
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{file} can't be read ({error.strerror})") from error
    except UnicodeError as error:
        raise ValueError(f"{file} is no text") from error
    if not secret:
        raise ValueError(f"{file} is empty")
    return secret


def unreadable(file: str) -> str:
    """Why no secret can be read of it; empty if one can."""
    try:
        read_secret(file)
    except ValueError as error:
        return str(error)
    return ""
