"""The configuration file, key by key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, FilePath, PositiveFloat, PositiveInt, model_validator
from service_runtime.setting_types import HostPort, HttpUrl, Name, TrustedUrl, Words
from service_runtime.settings import Section
from service_runtime.tls import TlsFiles

ProfileName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?\z", max_length=63)]


class Hub(Section):
    """The hub that knows the callers."""

    url: HttpUrl
    """Its REST API, as in http://hub:8081/hub/api."""
    token_file: Path
    """File with the service's own token; its role needs the scopes list:users and admin:auth_state."""


class Issuer(Section):
    """The OpenID provider, with the client that people log in by: refresh tokens are bound to it."""

    url: TrustedUrl
    """The issuer, whose token endpoint is discovered."""
    client_id: Name
    """The hub's client."""
    client_secret_file: Path
    """File with the client's secret, read at each use."""
    client_authentication: Literal["basic", "post"] = "basic"
    """Whether the secret goes in the Authorization header or in the form, as the client is registered."""
    ca_file: FilePath | None = None
    """PEM file with the authority of the issuer's certificate, beside those of the system; read again when it changes."""


class Profile(Section):
    """One kind of token."""

    description: str = ""
    """What it is for, in the words of users."""
    scope: Annotated[Words, Field(min_length=1)]
    """What it may be used for; a part of what people grant at login."""
    audience: Words = ()
    """Whom it is meant for."""

    @model_validator(mode="after")
    def _is_no_login(self) -> Self:
        if "offline_access" in self.scope:
            raise ValueError("scope: offline_access asks for a refresh token, which no pod gets")
        return self


class Limits(Section):
    """What callers can make us hold or do."""

    calls: PositiveInt = 200
    """Calls answered at the same time; more get 503."""
    per_minute: PositiveFloat = 60
    """Calls of one user a minute, in the long run; more get 429."""
    burst: PositiveInt = 20
    """Calls of one user at once."""
    users: PositiveInt = 10_000
    """Users whose rate is remembered; the longest idle are forgotten."""
    address_per_minute: PositiveFloat = 60
    """Calls from one address a minute, in the long run, that lead to no user, or to one who calls too often; more get
    429, and the hub isn't asked."""
    address_burst: PositiveInt = 200
    """The same at once; as many as `calls`, so that users behind one address don't stand in each other's way."""
    addresses: PositiveInt = 10_000
    """Addresses whose rate is remembered; the longest idle are forgotten."""
    tokens: PositiveInt = 5_000
    """Tokens that are kept; the longest unused are dropped."""


class Deadlines(Section):
    """Seconds after which a request is given up."""

    hub: PositiveFloat = 30
    """For an answer of the hub, which may have to renew the caller's login first."""
    provider: PositiveFloat = 15
    """For a token from the provider."""


class Settings(Section):
    """The whole file."""

    listen: HostPort
    """Where pods call, by https: host:port."""
    tls: TlsFiles
    """The certificate; read again when its files change."""
    metrics: HostPort
    """Where metrics and readiness are served: host:port."""
    hub: Hub
    issuer: Issuer
    default_profile: str
    """The profile of a request that names none."""
    profiles: Annotated[Mapping[ProfileName, Profile], Field(min_length=1)]
    """The kinds of token, by name."""
    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()

    @model_validator(mode="after")
    def _has_the_default(self) -> Self:
        if self.default_profile not in self.profiles:
            raise ValueError(
                f'default_profile: there is no profile "{self.default_profile}" among {", ".join(sorted(self.profiles))}'
            )
        return self
