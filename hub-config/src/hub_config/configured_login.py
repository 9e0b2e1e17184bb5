"""The login as it is configured: what it lacks, and what would let in more people than the groups say.

The hub would start all the same, and tell it at somebody's first login at the earliest.
"""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hub_config.auth.authorities import unusable
from hub_config.auth.secret_file import unreadable
from hub_config.configured import given

_IAM = "hub.config.IAMAuthenticator"
# The sections that an authenticator's traits are read from, from the farthest class to its own.
AUTHENTICATORS = ("Authenticator", "OAuthenticator", "GenericOAuthenticator", "IAMClient", "IAMAuthenticator")

# Named by the chart's values, and mounted only where there are authorities (caBundle).
OPTIONAL_CA_FILE = "/etc/highrate/ca/ca.crt"


def login_problems(c: Any) -> Iterator[str]:
    """A sentence for each value of the login that is missing, or isn't what it has to be."""
    if given(c.JupyterHub, "authenticator_class", "") != "iam":
        return
    iam = c.IAMAuthenticator
    for name in ("issuer", "client_id", "allowed_groups"):
        if not given(iam, name, None) and not (name == "allowed_groups" and given(iam, "allow_all", False)):
            yield f"{_IAM}.{name}: required, but missing"
    if not given(iam, "client_secret_file", "") and not given(iam, "client_secret", ""):
        yield f"{_IAM}.client_secret_file: required, but missing"
    if (issuer := str(given(iam, "issuer", ""))) and not _trusted(issuer):
        yield f'{_IAM}.issuer: "{issuer}" must be https://host[:port][/path] (plain http only on this machine, for tests)'
    yield from _files(iam)
    section, kept = _set(c, "enable_auth_state", True)
    if not kept:
        yield (
            f"hub.config.{section}.enable_auth_state: logins couldn't be renewed, and everybody would have to log in again "
            "every few minutes; remove it"
        )
    yield from _opened(c)


def _trusted(url: str) -> bool:
    """Whether secrets and tokens may travel there: by https, or never leaving this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.hostname or parts.fragment or parts.username:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _files(iam: Any) -> Iterator[str]:
    """What can't be used of the files that are read at each request: afterwards the provider would seem to be away."""
    secret, authorities = given(iam, "client_secret_file", ""), given(iam, "ca_file", "")
    if secret and not given(iam, "client_secret", "") and (problem := unreadable(secret)):
        yield f"{_IAM}.client_secret_file: {problem}; mount the Secret with the client's secret there"
    needed = authorities and (Path(authorities).exists() or authorities != OPTIONAL_CA_FILE)
    if needed and (why := unusable(authorities)):
        yield f"{_IAM}.ca_file: {authorities} can't be read ({why}); mount the ConfigMap with the authorities there"


def _opened(c: Any) -> Iterator[str]:
    section, existing = _set(c, "allow_existing_users", False)
    if existing:
        yield (
            f"hub.config.{section}.allow_existing_users: whoever was let in once would be for ever, in whatever groups; "
            "remove it, and name single people in allowed_users"
        )


def _set(c: Any, name: str, default: Any) -> tuple[str, Any]:
    """The value that the authenticator gets, and the section that it comes from."""
    found: tuple[str, Any] = AUTHENTICATORS[-1], default
    for section in AUTHENTICATORS:
        value = given(c.get(section, {}), name, None)
        if value is not None:
            found = section, value
    return found
