"""The table of (configuration, claims) -> verdict: audience, time, issuer, groups and the other rules."""

from typing import Any

import pytest
from oauth2_proxy.core.gate import admit
from oauth2_proxy.model.settings import Issuer
from oauth2_proxy.model.verdict import Caller, Denied, Outcome

NOW = 1_800_000_000
ISSUER = "https://iam.example/"
CONFIGURATION: dict[str, Any] = {
    "issuer": ISSUER,
    "audiences": ["edge", "https://ce.example:10443"],
    "allow": [{"groups": ["/highrate/edge"]}],
}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "client-a",
    "aud": "edge",
    "exp": NOW + 600,
    "iat": NOW - 10,
    "nbf": NOW - 10,
    "wlcg.groups": ["/highrate/edge"],
}
MISSING = object()


def verdict(configuration: dict[str, Any], claims: dict[str, Any]) -> Caller | Denied:
    merged = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not MISSING}
    return admit(merged, Issuer.model_validate({**CONFIGURATION, **configuration}), NOW)


def outcome(configuration: dict[str, Any], claims: dict[str, Any]) -> Outcome:
    found = verdict(configuration, claims)
    return found.outcome if isinstance(found, Denied) else Outcome.ALLOWED


AUDIENCE = [
    ({}, {"aud": "edge"}, Outcome.ALLOWED),
    ({}, {"aud": "https://ce.example:10443"}, Outcome.ALLOWED),
    ({}, {"aud": ["other", "edge"]}, Outcome.ALLOWED),
    ({}, {"aud": "other"}, Outcome.AUDIENCE),
    ({}, {"aud": ["other", "edges"]}, Outcome.AUDIENCE),
    ({}, {"aud": "edge other"}, Outcome.AUDIENCE),
    ({}, {"aud": []}, Outcome.AUDIENCE),
    ({}, {"aud": ""}, Outcome.AUDIENCE),
    ({}, {"aud": MISSING}, Outcome.AUDIENCE),
    ({}, {"aud": None}, Outcome.AUDIENCE),
    ({}, {"aud": {"edge": True}}, Outcome.AUDIENCE),
    ({}, {"aud": ["edge", 7]}, Outcome.AUDIENCE),
    ({"audiences": "any"}, {"aud": MISSING}, Outcome.ALLOWED),
    ({"audiences": "any"}, {"aud": "whatever"}, Outcome.ALLOWED),
    ({"audiences": ["any"]}, {"aud": "whatever"}, Outcome.AUDIENCE),
]
TIME = [
    ({}, {"exp": NOW + 1}, Outcome.ALLOWED),
    ({"clock_skew": 30}, {"exp": NOW - 29}, Outcome.ALLOWED),
    ({"clock_skew": 30}, {"exp": NOW - 30}, Outcome.EXPIRED),
    ({"clock_skew": 0}, {"exp": NOW}, Outcome.EXPIRED),
    ({}, {"exp": 0}, Outcome.EXPIRED),
    ({}, {"exp": MISSING}, Outcome.CLAIMS),
    ({}, {"exp": None}, Outcome.CLAIMS),
    ({}, {"exp": "tomorrow"}, Outcome.CLAIMS),
    ({}, {"exp": str(NOW + 600)}, Outcome.CLAIMS),
    ({}, {"exp": True}, Outcome.CLAIMS),
    ({}, {"exp": float("nan")}, Outcome.CLAIMS),
    ({}, {"exp": float("inf")}, Outcome.CLAIMS),
    ({}, {"exp": NOW + 0.5}, Outcome.ALLOWED),
    ({}, {"exp": 10**400}, Outcome.ALLOWED),
    ({"clock_skew": 30}, {"nbf": NOW + 30}, Outcome.ALLOWED),
    ({"clock_skew": 30}, {"nbf": NOW + 31}, Outcome.NOT_YET_VALID),
    ({"clock_skew": 30}, {"iat": NOW + 31}, Outcome.NOT_YET_VALID),
    ({}, {"nbf": MISSING, "iat": MISSING}, Outcome.ALLOWED),
    ({}, {"nbf": "now"}, Outcome.NOT_YET_VALID),
]
ISSUERS = [
    ({}, {"iss": "https://iam.example"}, Outcome.ALLOWED),
    ({"issuer": "https://iam.example"}, {"iss": "https://iam.example/"}, Outcome.ALLOWED),
    ({}, {"iss": "https://iam.example//"}, Outcome.UNKNOWN_ISSUER),
    ({}, {"iss": "https://IAM.example/"}, Outcome.UNKNOWN_ISSUER),
    ({}, {"iss": "https://iam.example/realm"}, Outcome.UNKNOWN_ISSUER),
    ({}, {"iss": ["https://iam.example/"]}, Outcome.UNKNOWN_ISSUER),
    ({}, {"iss": MISSING}, Outcome.UNKNOWN_ISSUER),
    ({}, {"sub": MISSING}, Outcome.CLAIMS),
    ({}, {"sub": ""}, Outcome.CLAIMS),
    ({}, {"sub": 7}, Outcome.CLAIMS),
]
NO_WLCG: dict[str, Any] = {"wlcg.groups": MISSING}
BY_EMAIL = {"groups_claims": ["email"], "allow": [{"groups": ["mario@example.org"]}]}
NESTED = {"groups_claims": ["realm_access.roles"]}
GROUPS = [
    ({}, {}, Outcome.ALLOWED),
    ({"allow": [{"groups": ["highrate/edge"]}]}, {}, Outcome.ALLOWED),
    ({}, {"wlcg.groups": "/highrate/edge"}, Outcome.ALLOWED),
    ({}, {"wlcg.groups": ["/other", "highrate/edge/"]}, Outcome.ALLOWED),
    ({}, {**NO_WLCG, "groups": ["highrate/edge"]}, Outcome.ALLOWED),
    ({}, {**NO_WLCG, "groups": "highrate/edge"}, Outcome.ALLOWED),
    ({}, {"wlcg.groups": ["/other"], "groups": ["highrate/edge"]}, Outcome.ALLOWED),
    ({}, NO_WLCG, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": []}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": None}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": 7}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": [["/highrate/edge"], {"a": "/highrate/edge"}]}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": {"/highrate/edge": True}}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": ["/highrate"]}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": ["/highrate/edge/deeper"]}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": ["/highrate/edge2"]}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": ["/Highrate/Edge"]}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": "/other /highrate/edge"}, Outcome.FORBIDDEN),
    ({}, {"wlcg.groups": "/other,/highrate/edge"}, Outcome.FORBIDDEN),
    ({"groups_claims": ["groups"]}, {}, Outcome.FORBIDDEN),
    (BY_EMAIL, {"email": "mario@example.org"}, Outcome.ALLOWED),
    (BY_EMAIL, {"email": "luigi@example.org"}, Outcome.FORBIDDEN),
    (NESTED, {**NO_WLCG, "realm_access": {"roles": ["highrate/edge"]}}, Outcome.ALLOWED),
    (NESTED, {**NO_WLCG, "realm_access": ["highrate/edge"]}, Outcome.FORBIDDEN),
    ({}, {**NO_WLCG, "wlcg": {"groups": ["/highrate/edge"]}}, Outcome.ALLOWED),
]
OTHER_RULES = [
    ({"allow": "anyone"}, NO_WLCG, Outcome.ALLOWED),
    ({"allow": [{"subjects": ["client-a"]}]}, NO_WLCG, Outcome.ALLOWED),
    ({"allow": [{"subjects": ["client-b"]}]}, {}, Outcome.FORBIDDEN),
    ({"allow": [{"clients": ["vk"]}]}, {"client_id": "vk"}, Outcome.ALLOWED),
    ({"allow": [{"clients": ["vk"]}]}, {"azp": "vk"}, Outcome.ALLOWED),
    ({"allow": [{"clients": ["vk"]}]}, {"client_id": "other", "azp": "vk"}, Outcome.FORBIDDEN),
    ({"allow": [{"clients": ["vk"]}]}, {}, Outcome.FORBIDDEN),
    ({"allow": [{"scopes": ["a", "b"]}]}, {"scope": "openid b a"}, Outcome.ALLOWED),
    ({"allow": [{"scopes": ["a", "b"]}]}, {"scope": ["b", "a"]}, Outcome.ALLOWED),
    ({"allow": [{"scopes": ["a", "b"]}]}, {"scope": "a"}, Outcome.FORBIDDEN),
    ({"allow": [{"scopes": ["a"]}]}, {"scope": "aa"}, Outcome.FORBIDDEN),
    ({"allow": [{"groups": ["/x"]}, {"subjects": ["client-a"]}]}, {}, Outcome.ALLOWED),
    ({"allow": [{"groups": ["/highrate/edge"], "subjects": ["client-b"]}]}, {}, Outcome.FORBIDDEN),
    ({"allow": [{"groups": ["/x", "/highrate/edge"], "subjects": ["client-a"]}]}, {}, Outcome.ALLOWED),
]


@pytest.mark.parametrize(("configuration", "claims", "expected"), [*AUDIENCE, *TIME, *ISSUERS, *GROUPS, *OTHER_RULES])
def test_the_verdict_follows_from_configuration_and_claims(
    configuration: dict[str, Any], claims: dict[str, Any], expected: Outcome
) -> None:
    assert outcome(configuration, claims) is expected


def test_a_caller_is_described_by_its_claims() -> None:
    claims = {"email": "m@example.org", "preferred_username": "mario", "scope": "openid x", "groups": ["a"]}
    caller = verdict({"user_claim": "preferred_username"}, claims)
    assert caller == Caller(
        issuer=ISSUER,
        subject="client-a",
        user="mario",
        email="m@example.org",
        client="",
        groups=frozenset(("/highrate/edge", "/a")),
        scopes=frozenset(("openid", "x")),
    )


def test_the_subject_stands_in_for_a_user_claim_that_a_token_lacks() -> None:
    caller = verdict({"user_claim": "preferred_username"}, {"preferred_username": ["mario"]})
    assert isinstance(caller, Caller)
    assert caller.user == "client-a"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "other"}, ("'other'", "edge", "https://ce.example:10443")),
        ({"exp": NOW - 100}, (str(NOW - 100), str(NOW), "60 s")),
        ({"wlcg.groups": ["/b", "/a"]}, ("['/a', '/b']",)),
        ({"aud": "x" * 10_000}, ("…",)),
        ({"aud": "a\nb"}, ("'a\\nb'",)),
    ],
)
def test_a_refusal_tells_the_administrator_what_was_found_and_what_was_wanted(
    claims: dict[str, Any], words: tuple[str, ...]
) -> None:
    refusal = verdict({}, claims)
    assert isinstance(refusal, Denied)
    assert [word for word in words if word not in refusal.reason] == []
    assert len(refusal.reason) < 500
    assert "\n" not in refusal.reason


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(o, 403 if o is Outcome.FORBIDDEN else 503 if o is Outcome.KEYS_UNAVAILABLE else 401) for o in Outcome][1:],
)
def test_only_a_missing_right_is_403_and_only_missing_keys_are_503(outcome: Outcome, status: int) -> None:
    assert outcome.status == status
