"""The steps of a verdict that need no waiting, put together in their order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service_runtime.openid import same_issuer

from oauth2_proxy.core.bearer import Unverified, bearer_token, read_token
from oauth2_proxy.core.claims import check_claims
from oauth2_proxy.core.printable import printable
from oauth2_proxy.core.rules import authorise
from oauth2_proxy.model.settings import Issuer
from oauth2_proxy.model.verdict import Caller, Denied, Outcome


def identify(
    authorization: Sequence[str], issuers: Iterable[Issuer], longest: int
) -> tuple[Unverified, Issuer] | Denied:
    """The token shown and the trusted issuer that it says to come from: whose keys have to be asked."""
    text = bearer_token(authorization, longest)
    if isinstance(text, Denied):
        return text
    token = read_token(text)
    if isinstance(token, Denied):
        return token
    issuer = next((issuer for issuer in issuers if same_issuer(issuer.issuer, token.issuer)), None)
    if issuer is None:
        return Denied(Outcome.UNKNOWN_ISSUER, f"the issuer {printable(token.issuer)} is not trusted")
    if token.algorithm not in issuer.algorithms:
        accepted = ", ".join(issuer.algorithms)
        return Denied(Outcome.ALGORITHM, f"signed with {printable(token.algorithm)}, accepted are {accepted}")
    return token, issuer


def admit(claims: Mapping[str, Any], issuer: Issuer, now: int) -> Caller | Denied:
    """The verdict on verified claims at `now` (seconds since 1970)."""
    caller = check_claims(claims, issuer, now)
    return caller if isinstance(caller, Denied) else authorise(caller, issuer)
