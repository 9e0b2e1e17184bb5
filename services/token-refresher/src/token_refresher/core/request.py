"""The call to a token endpoint, as RFC 6749 wants it."""

from dataclasses import dataclass, field

from oauthlib.oauth2 import BackendApplicationClient
from service_runtime.grants import basic_authorization

from token_refresher.model.settings import Token


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Headers and form of a POST; both hold secrets."""

    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)


def token_request(settings: Token, secret: str | None, refresh_token: str | None) -> TokenRequest:
    """Ask for a token: by `refresh_token` if there is one, else by the client's own credentials.

    The scope is sent on a refresh too: INDIGO IAM takes a missing one for all that the client is registered for.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    form: dict[str, str] = {}
    if secret is not None and settings.client_authentication == "basic":
        headers["Authorization"] = basic_authorization(settings.client_id, secret)
    else:
        # who authenticates otherwise, or not at all, says in the form who it is (RFC 6749, 2.3.1 and 3.2.1)
        form["client_id"] = settings.client_id
        if secret is not None:
            form["client_secret"] = secret
    if settings.audience:
        form[settings.audience_parameter] = " ".join(settings.audience)
    client = BackendApplicationClient(settings.client_id)
    scope = " ".join(settings.scope) or None
    if refresh_token is not None:
        body = client.prepare_refresh_body(refresh_token=refresh_token, scope=scope, **form)
    else:
        body = client.prepare_request_body(scope=scope, include_client_id="client_id" in form, **_others(form))
    return TokenRequest(headers, body)


def _others(form: dict[str, str]) -> dict[str, str]:
    """Without the client's id, which oauthlib takes from its client."""
    return {name: value for name, value in form.items() if name != "client_id"}
