"""Which headers cross the proxy, and which it writes itself."""

from collections.abc import Iterable

from multidict import CIMultiDict, CIMultiDictProxy

from oauth2_proxy.core.printable import header_safe
from oauth2_proxy.model.verdict import Caller

# RFC 9110, 7.6.1: these speak of one connection, not of the message. Expect was answered on this side already.
_HOP_BY_HOP = frozenset(
    (
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "expect",
    )
)  # fmt: skip
_OURS = ("x-forwarded-", "x-auth-request-")
_OURS_WHOLE = frozenset(("forwarded", "x-real-ip"))
LONGEST_GROUPS = 4096  # servers refuse header lines beyond 8 KiB; members of hundreds of groups exist

Headers = CIMultiDictProxy[str] | CIMultiDict[str]


def upstream_headers(
    received: Headers, caller: Caller, *, peer: str, scheme: str, pass_authorization: bool
) -> CIMultiDict[str]:
    """The caller's headers as the upstream gets them: who calls is said by us alone."""
    dropped = {"host"} if pass_authorization else {"host", "authorization"}
    headers = CIMultiDict(
        (name, value)
        for name, value in end_to_end(received)
        if (plain := _plain(name)) not in dropped and plain not in _OURS_WHOLE and not plain.startswith(_OURS)
    )
    headers["X-Forwarded-User"] = header_safe(caller.user)
    if caller.email:
        headers["X-Forwarded-Email"] = header_safe(caller.email)
    if groups := joined_groups(caller.groups):
        headers["X-Forwarded-Groups"] = groups
    headers["X-Forwarded-Proto"] = scheme
    if peer:
        headers["X-Forwarded-For"] = header_safe(peer)
    if host := received.get("Host"):
        headers["X-Forwarded-Host"] = header_safe(host)
    return headers


def end_to_end(headers: Headers) -> Iterable[tuple[str, str]]:
    """The headers that belong to the message: not those of the connection, nor those that Connection names."""
    named = {word.strip().lower() for value in headers.getall("Connection", ()) for word in value.split(",")}
    return [(name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP | named]


def joined_groups(groups: Iterable[str]) -> str:
    """The groups, comma-separated and sorted; whole groups are left out beyond LONGEST_GROUPS characters."""
    text = ""
    for group in sorted(groups):
        longer = f"{text},{header_safe(group)}" if text else header_safe(group)
        if len(longer) > LONGEST_GROUPS:
            break
        text = longer
    return text


def _plain(name: str) -> str:
    """Servers that pass headers on as variables (CGI, WSGI) can't tell X_Forwarded_User from X-Forwarded-User."""
    return name.lower().replace("_", "-")
