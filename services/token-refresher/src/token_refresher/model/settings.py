"""The configuration file, key by key."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, FilePath, PositiveFloat, model_validator
from service_runtime.setting_types import HostPort, Name, TrustedUrl, Words
from service_runtime.settings import Section


def _mode(value: Any) -> Any:
    """A file mode as text, "0640": YAML makes a number of 0640 that depends on its version."""
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value):
        return int(value, 8)
    raise ValueError('a file mode is written in quotes, as in "0640"')


Mode = Annotated[int, BeforeValidator(_mode)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Retry(Section):
    """Waits after a failure, in seconds: they grow from `initial` to `maximum`."""

    initial: PositiveFloat = 2
    maximum: PositiveFloat = 60

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.initial > self.maximum:
            raise ValueError("initial is longer than maximum")
        return self


class Token(Section):
    """One token that is kept fresh."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """What logs and metrics call it."""
    file: Path
    """Where it is written: the bare token, no newline."""
    mode: Mode = 0o600
    """Mode of the file, in quotes."""
    group: int | None = None
    """Numeric group of the file; left as it comes out if not given."""
    grant: Literal["client_credentials", "refresh_token"] = "client_credentials"
    """How it is asked for (RFC 6749, 4.4 or 6)."""
    issuer: TrustedUrl | None = None
    """The issuer, whose token endpoint is discovered."""
    token_endpoint: TrustedUrl | None = None
    """The token endpoint itself, for issuers without discovery."""
    ca_file: FilePath | None = None
    """PEM file with the authority of the issuer's certificate, beside those of the system."""
    client_id: Name
    """The client as registered with the issuer."""
    client_secret_file: Path | None = None
    """File with the client's secret, read at each use; none for a public client."""
    client_authentication: Literal["basic", "post"] = "basic"
    """Whether the secret goes in the Authorization header or in the form."""
    refresh_token_file: Path | None = None
    """File with the first refresh token."""
    refresh_token_store: Path | None = None
    """Where refresh tokens are kept that the issuer hands out in exchange; without it, in memory only."""
    audience: Words = ()
    """Whom the token shall be meant for; one that lacks any of these is not used."""
    audience_parameter: Literal["audience", "aud", "resource"] = "audience"
    """The name under which the issuer takes the audience."""
    scope: Words = ()
    """What to ask for; a token with less is used and complained about."""
    refresh_at: Fraction = 0.6
    """The part of a token's life after which it is replaced."""
    lifetime: PositiveFloat = 600
    """Seconds for which a token counts as good that doesn't say how long it is."""
    deadline: PositiveFloat = 30
    """Seconds that one attempt may take."""
    retry: Retry = Retry()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.issuer is None) == (self.token_endpoint is None):
            raise ValueError("give either issuer (its token endpoint is discovered) or token_endpoint")
        if self.grant == "client_credentials" and self.client_secret_file is None:
            raise ValueError("the grant client_credentials needs client_secret_file")
        if self.grant == "client_credentials" and (self.refresh_token_file or self.refresh_token_store):
            raise ValueError("the grant client_credentials has no refresh tokens")
        if self.grant == "refresh_token" and self.refresh_token_file is None:
            raise ValueError("the grant refresh_token needs refresh_token_file")
        return self


class Settings(Section):
    """The whole file."""

    tokens: Annotated[tuple[Token, ...], Field(min_length=1)]
    """The tokens that are kept fresh."""
    metrics: HostPort | None = None
    """Where metrics and readiness are served: host:port."""

    @model_validator(mode="after")
    def _no_two_alike(self) -> Self:
        for what, values in (
            ("name", [token.name for token in self.tokens]),
            ("file", [str(path) for token in self.tokens for path in (token.file, token.refresh_token_store) if path]),
        ):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"tokens: the same {what} twice: {', '.join(twice)}")
        return self
