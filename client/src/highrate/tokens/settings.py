"""What a session's environment says about tokens."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """The environment can't be used; the message lists every problem."""


@dataclass(frozen=True)
class Settings:
    """Where tokens come from. Empty ``profile``: the service's default. ``ca_file`` None: the image's own authorities."""

    url: str
    profile: str
    ca_file: Path | None
    hub_token: str = field(repr=False)
    file: Path


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings | None:
    """None where the platform has no token service. Raises SettingsError."""
    url = environ.get("HIGHRATE_TOKENS_URL", "").rstrip("/")
    if not url:
        return None
    problems = []
    if not _is_https(url):
        problems.append(f'HIGHRATE_TOKENS_URL is "{url}": it must be an https:// address, a token goes there')
    hub_token = environ.get("JUPYTERHUB_API_TOKEN", "")
    if not hub_token:
        problems.append("JUPYTERHUB_API_TOKEN is not set: only servers that JupyterHub started get tokens")
    elif not (hub_token.isascii() and hub_token.isprintable()):
        problems.append("JUPYTERHUB_API_TOKEN holds characters that no token has")
    if problems:
        raise SettingsError("; ".join(problems))
    ca_file = environ.get("HIGHRATE_CA_FILE", "")
    return Settings(
        url, environ.get("HIGHRATE_TOKEN_PROFILE", ""), Path(ca_file) if ca_file else None, hub_token, file(environ)
    )


def file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where tools look for a token that is in no variable, in the order of WLCG Bearer Token Discovery.

    https://doi.org/10.5281/zenodo.3937438
    """
    named = environ.get("BEARER_TOKEN_FILE", "")
    return Path(named) if named else Path(environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"bt_u{os.geteuid()}"  # noqa: S108


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
