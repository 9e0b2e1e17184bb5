"""The configuration file, key by key."""

from typing import Annotated, Literal, Self

from pydantic import ByteSize, Field, FilePath, PositiveFloat, PositiveInt, model_validator
from service_runtime.listen import Listen
from service_runtime.openid import is_loopback, same_issuer
from service_runtime.setting_types import HostPort, ListenUrl, Name, TrustedUrl
from service_runtime.settings import Section
from service_runtime.tls import TlsFiles

# Only signatures that the holder of a published key can't make: no "none", no shared secrets (RFC 8725, 3.1 and 3.2).
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"
]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]


class Rule(Section):
    """Conditions on one caller; all that are given must hold."""

    groups: Names | None = None
    """The caller is in one of these groups (a leading slash makes no difference)."""
    scopes: Names | None = None
    """The token has all of these scopes."""
    subjects: Names | None = None
    """The token's subject is one of these."""
    clients: Names | None = None
    """The token was given to one of these clients (claim `client_id`, else `azp`)."""

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if not self.model_fields_set or all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("a rule needs groups, scopes, subjects or clients; to let in everybody say allow: anyone")
        return self


class Issuer(Section):
    """One issuer whose tokens are looked at, and which of its callers may pass."""

    issuer: TrustedUrl
    """The issuer as in the tokens' `iss`; one trailing slash more or less is no difference."""
    ca_file: FilePath | None = None
    """PEM file with the authority of the issuer's certificate, beside those of the system."""
    keys_url: TrustedUrl | None = None
    """Where the published keys (JWKS) are; found by OpenID discovery when left out."""
    audiences: Names | Literal["any"]
    """The token must be meant for one of these; `any` switches the check off (issuers that set no `aud`)."""
    allow: Annotated[tuple[Rule, ...], Field(min_length=1)] | Literal["anyone"]
    """The caller passes if one of these rules holds; `anyone`: everybody with a valid token of this issuer."""
    groups_claims: Names = ("wlcg.groups", "groups")
    """Claims that name groups, as a string or a list; all that are present count."""
    user_claim: Name = "sub"
    """The claim passed on as X-Forwarded-User; the subject where a token lacks it."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256", "PS256", "EdDSA", "Ed25519")
    """Signature algorithms that are accepted."""
    clock_skew: Annotated[int, Field(ge=0, le=600)] = 60
    """Seconds by which clocks may differ."""


class Keys(Section):
    """How the issuers' published keys are kept."""

    refresh: PositiveFloat = 600
    """Seconds after which the keys are fetched again."""
    keep: PositiveFloat = 345600
    """Seconds for which keys are used while their issuer can't be reached (HTCondor's SciTokens: four days, too)."""
    pause: PositiveFloat = 10
    """Least seconds between two fetches, however many unknown keys are shown meanwhile."""
    deadline: PositiveFloat = 10
    """Seconds a fetch may take."""


class Limits(Section):
    """What one caller can make us hold or carry."""

    body: ByteSize = ByteSize(32 * 1024 * 1024)
    """Longest request body (bytes, or text such as `32MiB`)."""
    token: Annotated[int, Field(gt=0, le=60_000)] = 16384
    """Longest token in characters."""
    requests: PositiveInt = 500
    """Calls forwarded at the same time; more get 503. Running streams are not among them."""
    streams: PositiveInt = 1000
    """Replies without a length (followed logs) that run at the same time; more get 503."""


class Deadlines(Section):
    """Seconds after which a call is given up. A reply that has begun has none: followed logs last for days."""

    connect: PositiveFloat = 5
    """For a connection to the upstream."""
    first_byte: PositiveFloat = 125
    """For the upstream's first byte after the call was sent; interLink's callers wait for 120 s."""
    body: PositiveFloat = 60
    """For the next piece of the caller's body."""


class JobChannel(Section):
    """The path on which the site's jobs reach the sidecar's job channel: with a ticket that the sidecar checks, without a JWT."""

    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")] = "/job-channel"
    """As in the sidecar's `channel.url`."""
    upstream: ListenUrl
    """The sidecar's `channel.listen`: unix:///path or http://host:port."""
    connections: PositiveInt = 5000
    """At the same time, those under way included; more get 503 and come back."""
    message: ByteSize = ByteSize(16 * 1024 * 1024)
    """Longest message either way; a longer one ends its connection."""
    handshake: PositiveFloat = 10
    """Seconds for the sidecar's answer."""
    silence: PositiveFloat = 120
    """Seconds without a message or ping that passes in either direction, after which a connection is ended."""


class Settings(Section):
    """The whole file."""

    listen: ListenUrl
    """Where callers arrive: https://host:port, http://host:port or unix:///path."""
    tls: TlsFiles | None = None
    """The certificate for https; read again when its files change."""
    allow_plain_http: bool = False
    """Allow http on an address that others can reach, where something in front of it ends TLS."""
    upstream: ListenUrl
    """Where calls go: unix:///path or http://host:port."""
    issuers: Annotated[tuple[Issuer, ...], Field(min_length=1)]
    """The issuers that are trusted."""
    job_channel: JobChannel | None = None
    """Let the site's jobs through to the sidecar; null: no such path."""
    pass_authorization: bool = False
    """Pass the caller's Authorization header on to the upstream."""
    health_path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")] | None = "/healthz"
    """Answered here with 200, without a token; null: no such path."""
    metrics: HostPort | None = None
    """Where metrics and readiness are served: host:port."""
    keys: Keys = Keys()
    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        listen = Listen.parse(self.listen)
        if listen.scheme == "https" and self.tls is None:
            raise ValueError("listen is https: tls with cert and key is required")
        if listen.scheme != "https" and self.tls is not None:
            raise ValueError(f"tls is given, but listen is {listen.scheme}")
        for key, file in (("cert", self.tls.cert), ("key", self.tls.key)) if self.tls else ():
            if not file.is_file():
                raise ValueError(f"tls.{key}: there is no file {file}")
        if listen.scheme == "http" and not is_loopback(listen.host) and not self.allow_plain_http:
            raise ValueError("listen is plain http for others: use https, or say allow_plain_http: true")
        if Listen.parse(self.upstream).scheme == "https":
            raise ValueError("upstream must be unix or http")
        if self.job_channel is not None:
            if Listen.parse(self.job_channel.upstream).scheme == "https":
                raise ValueError("job_channel.upstream must be unix or http")
            if self.job_channel.path == self.health_path:
                raise ValueError("job_channel.path and health_path are the same")
        names = [issuer.issuer for issuer in self.issuers]
        twice = [name for i, name in enumerate(names) if any(same_issuer(name, before) for before in names[:i])]
        if twice:
            raise ValueError(f"issuers: given twice: {', '.join(twice)}")
        return self
