"""What settings of several services have in common: types that refuse a bad value in words."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from service_runtime.listen import Listen
from service_runtime.openid import trusted_url


def host_port(text: str) -> str:
    """`text`, if it is host:port. Raises ValueError."""
    try:
        Listen.parse(f"http://{text}")
    except ValueError as error:
        raise ValueError(f'"{text}" is no address: use host:port, as in 0.0.0.0:8443') from error
    return text


def _listen_url(text: str) -> str:
    Listen.parse(text)
    return text


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f'"{text}" is no address: use http://host:port/path')
    return text.rstrip("/")


def _base_url(text: str) -> str:
    trusted_url(text)
    if urlsplit(text).query:
        raise ValueError(f'"{text}" has a query: use https://host[:port][/path]')
    return text.rstrip("/")


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


HostPort = Annotated[str, AfterValidator(host_port)]
"""Where to listen, where the scheme is given by something else: `host:port`."""
ListenUrl = Annotated[str, AfterValidator(_listen_url)]
"""Where to listen: what `Listen.parse` takes."""
HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""Whom to call inside of a cluster, where charts have plain http, too; without a slash at the end."""
TrustedUrl = Annotated[str, AfterValidator(trusted_url)]
"""Whom to call with secrets: https, or this machine."""
BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""The same where paths are put behind it: without a query, and without a slash at the end."""
Name = Annotated[str, Field(min_length=1)]
Words = Annotated[tuple[Name, ...], BeforeValidator(_words)]
"""A list, or text that is split at blanks, as OAuth 2 writes scopes."""
