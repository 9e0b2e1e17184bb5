"""Which headers the upstream gets: who calls is said by the proxy alone, and nothing of the connection goes on."""

import pytest
from multidict import CIMultiDict
from oauth2_proxy.core.headers import LONGEST_GROUPS, end_to_end, joined_groups, upstream_headers
from oauth2_proxy.model.verdict import Caller

CALLER = Caller(
    issuer="https://iam.example/",
    subject="sub-1",
    user="mario",
    email="mario@example.org",
    client="vk",
    groups=frozenset(("/highrate/edge", "/icsc")),
    scopes=frozenset(),
)
OURS = {
    "X-Forwarded-User": "mario",
    "X-Forwarded-Email": "mario@example.org",
    "X-Forwarded-Groups": "/highrate/edge,/icsc",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "10.0.0.7",
}


def forwarded(*received: tuple[str, str], caller: Caller = CALLER, pass_authorization: bool = False) -> dict[str, str]:
    headers = upstream_headers(
        CIMultiDict(received), caller, peer="10.0.0.7", scheme="https", pass_authorization=pass_authorization
    )
    assert len(headers) == len(set(headers)), "no header twice"
    return dict(headers)


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-User",
        "x-forwarded-user",
        "X-FORWARDED-EMAIL",
        "X_Forwarded_Groups",
        "x_forwarded-user",
        "X-Forwarded_User",
        "X-Forwarded-Preferred-Username",
        "X-Forwarded-Access-Token",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Auth-Request-User",
        "X_Auth_Request_Groups",
        "Forwarded",
        "X-Real-IP",
        "Authorization",
        "Proxy-Authorization",
        "Host",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Expect",
    ],
)
def test_what_a_caller_says_under_our_names_or_of_its_connection_is_dropped(name: str) -> None:
    assert forwarded((name, "evil"))["X-Forwarded-User"] == "mario"
    got = forwarded((name, "evil"))
    got.pop("X-Forwarded-Host", None)
    assert got == OURS


@pytest.mark.parametrize(
    "name", ["InterLink-Http-Session", "Content-Type", "Content-Length", "User-Agent", "X-Forwarder"]
)
def test_headers_of_the_message_go_on_as_they_are(name: str) -> None:
    assert forwarded((name, "as is"))[name] == "as is"


def test_headers_named_by_connection_are_dropped_and_ours_can_not_be_named() -> None:
    got = forwarded(("Connection", "close, X-Hop"), ("connection", "x-forwarded-user"), ("X-Hop", "a"), ("X-Stay", "b"))
    assert got == {"X-Stay": "b", **OURS}


def test_the_name_the_caller_used_for_us_is_told_as_forwarded_host() -> None:
    assert forwarded(("Host", "edge.example:10443"))["X-Forwarded-Host"] == "edge.example:10443"


def test_the_authorization_goes_on_only_if_asked_for() -> None:
    assert "Authorization" not in forwarded(("Authorization", "Bearer x"))
    assert forwarded(("Authorization", "Bearer x"), pass_authorization=True)["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("claim", "header"),
    [
        ("mario rossi", "mario rossi"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1"),
        ("a\0b", "a%00b"),
        ("Mariò", "Mari%C3%B2"),
        ("100%", "100%25"),
        ("a,b", "a%2Cb"),
        ("\ud800", "?"),
    ],
)
def test_a_claim_can_not_become_more_than_a_value(claim: str, header: str) -> None:
    caller = Caller("i", "s", claim, claim, "", frozenset((claim,)), frozenset())
    got = forwarded(caller=caller)
    assert (got["X-Forwarded-User"], got["X-Forwarded-Email"], got["X-Forwarded-Groups"]) == (header,) * 3


def test_a_caller_without_email_and_groups_has_no_such_headers() -> None:
    got = forwarded(("X-Forwarded-Email", "evil"), caller=Caller("i", "s", "u", "", "", frozenset(), frozenset()))
    assert got == {"X-Forwarded-User": "u", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.7"}


def test_a_thousand_groups_stay_within_a_header_line_and_are_cut_between_groups() -> None:
    groups = [f"/experiment/group-{number:04}" for number in range(1000)]
    text = joined_groups(groups)
    assert len(text) <= LONGEST_GROUPS
    assert text.split(",") == groups[: len(text.split(","))]


def test_a_reply_keeps_repeated_headers_and_loses_those_of_the_connection() -> None:
    reply = CIMultiDict(
        [("Set-Cookie", "a"), ("Set-Cookie", "b"), ("Transfer-Encoding", "chunked"), ("Keep-Alive", "9")]
    )
    assert list(end_to_end(reply)) == [("Set-Cookie", "a"), ("Set-Cookie", "b")]
