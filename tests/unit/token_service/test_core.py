"""The decisions, as tables."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_runtime.bounded import Bounded
from service_runtime.grants import GrantFailed, access_token, granted_fields
from service_runtime.rate import Bucket, take
from token_service.core.cache import TokenCache
from token_service.core.grant import read_grant
from token_service.core.hub_answers import caller, login
from token_service.model.login import Granted, Login
from token_service.model.refusal import Outcome, Refusal
from token_service.model.settings import Profile

from tests.fakes.issuer import FakeIssuer

LOGIN = Login("mario", "subject of mario", "refresh-canary")
PROFILE = Profile.model_validate({"scope": "openid storage.read:/", "audience": "https://a.test https://b.test"})
NOW = 1_800_000_000.0
SERVER = ["users:activity!user=mario", "access:servers!server=mario/"]

CALLERS: list[tuple[Any, Outcome | str]] = [
    ({"kind": "user", "name": "mario", "scopes": SERVER}, "mario"),
    ({"kind": "user", "name": "mario", "scopes": ["users:activity"]}, "mario"),
    ({"kind": "user", "name": "mario", "scopes": []}, Outcome.NOT_A_USERS_SERVER),
    ({"kind": "user", "name": "mari", "scopes": SERVER}, Outcome.NOT_A_USERS_SERVER),
    ({"kind": "user", "name": "mario", "scopes": ["read:users:activity!user=mario"]}, Outcome.NOT_A_USERS_SERVER),
    ({"kind": "user", "name": "mario", "scopes": ["access:servers!server=peach/"]}, Outcome.NOT_A_USERS_SERVER),
    ({"kind": "service", "name": "mario", "scopes": SERVER}, Outcome.NOT_A_USERS_SERVER),
    ({"kind": "group", "name": "mario", "scopes": SERVER}, Outcome.NOT_A_USERS_SERVER),
    ({"kind": "user", "name": "mario"}, Outcome.HUB_UNAVAILABLE),
    ({"kind": "user", "name": "", "scopes": SERVER}, Outcome.HUB_UNAVAILABLE),
    ({"kind": "user", "name": ["mario"], "scopes": SERVER}, Outcome.HUB_UNAVAILABLE),
    ({"kind": "user", "name": "mario", "scopes": [{"a": 1}, None]}, Outcome.NOT_A_USERS_SERVER),
    ({"name": "mario", "scopes": SERVER}, Outcome.HUB_UNAVAILABLE),
    ([], Outcome.HUB_UNAVAILABLE),
    (None, Outcome.HUB_UNAVAILABLE),
]

LOGINS: list[tuple[Any, Outcome | Login]] = [
    ({"auth_state": {"refresh_token": "r", "subject": "s"}}, Login("mario", "s", "r")),
    ({"auth_state": {"refresh_token": "r"}}, Login("mario", "", "r")),
    ({"auth_state": {"refresh_token": "r", "subject": 7}}, Login("mario", "", "r")),
    ({"auth_state": {"subject": "s"}}, Outcome.LOGIN_ENDED),
    ({"auth_state": {"refresh_token": None}}, Outcome.LOGIN_ENDED),
    ({"auth_state": {"refresh_token": ""}}, Outcome.LOGIN_ENDED),
    ({"auth_state": {"refresh_token": ["r"]}}, Outcome.LOGIN_ENDED),
    ({"auth_state": None}, Outcome.LOGIN_ENDED),
    ({"auth_state": "r"}, Outcome.LOGIN_ENDED),
    ({}, Outcome.MISCONFIGURED),
    ({"name": "peach", "auth_state": {"refresh_token": "r"}}, Outcome.HUB_UNAVAILABLE),
    ({"name": "Mario", "auth_state": {"refresh_token": "r"}}, Outcome.HUB_UNAVAILABLE),
    ({"kind": "service", "auth_state": {"refresh_token": "r"}}, Outcome.HUB_UNAVAILABLE),
]


@pytest.mark.parametrize(("model", "expected"), CALLERS)
def test_whose_token_it_is(model: Any, expected: Outcome | str) -> None:
    if not isinstance(expected, Outcome):
        assert caller(model) == expected
        return
    with pytest.raises(Refusal) as refused:
        caller(model)
    assert refused.value.outcome is expected


@pytest.mark.parametrize(("model", "expected"), LOGINS)
def test_which_login_the_hub_holds(model: Any, expected: Outcome | Login) -> None:
    model = {"kind": "user", "name": "mario", **model}
    if isinstance(expected, Login):
        assert login(model, "mario") == expected
        return
    with pytest.raises(Refusal) as refused:
        login(model, "mario")
    assert refused.value.outcome is expected


BOTH = ["https://a.test", "https://b.test"]
GRANTS: list[tuple[dict[str, Any], dict[str, Any], Outcome | None]] = [
    ({}, {}, None),
    ({}, {"refresh_token": "refresh-canary"}, None),
    ({"aud": list(reversed(BOTH))}, {}, None),
    ({"aud": BOTH[0]}, {}, Outcome.NOT_GRANTED),
    ({"aud": [*BOTH, "https://wlcg.cern.ch/jwt/v1/any"]}, {}, Outcome.NOT_GRANTED),
    ({"aud": None}, {}, Outcome.NOT_GRANTED),
    ({"scope": "openid"}, {}, None),
    ({"scope": ["openid", "storage.read:/"]}, {}, None),
    ({"scope": ""}, {}, Outcome.NOT_GRANTED),
    ({"scope": "openid storage.read:/ storage.modify:/"}, {}, Outcome.MISCONFIGURED),
    ({"scope": None}, {"scope": "openid offline_access"}, Outcome.MISCONFIGURED),
    ({"sub": "subject of peach"}, {}, Outcome.LOGIN_ENDED),
    ({"sub": None}, {}, None),
    ({"exp": NOW - 1}, {}, Outcome.PROVIDER_UNAVAILABLE),
    ({"exp": "tomorrow"}, {}, Outcome.PROVIDER_UNAVAILABLE),
    ({}, {"refresh_token": "another"}, Outcome.REFRESH_TOKENS_ROTATE),
    ({"aud": None}, {"refresh_token": "another"}, Outcome.REFRESH_TOKENS_ROTATE),
    ({}, {"access_token": "a\nb"}, Outcome.PROVIDER_UNAVAILABLE),
    ({}, {"access_token": "a" * 20_000}, Outcome.PROVIDER_UNAVAILABLE),
]


@pytest.mark.parametrize(("claims", "fields", "expected"), GRANTS)
def test_what_a_grant_is_worth(claims: dict[str, Any], fields: dict[str, Any], expected: Outcome | None) -> None:
    usual = {"sub": LOGIN.subject, "aud": BOTH, "scope": "openid storage.read:/", "exp": NOW + 600}
    token = FakeIssuer(url="https://iam.test/").token(**{**usual, **claims})
    text = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 600, **fields})
    if expected is None:
        granted = read_grant(200, text, LOGIN, PROFILE, now=NOW)
        assert (granted.token, granted.expires_at) == (token, NOW + 600)
        assert {*granted.scope, *granted.missing} == set(PROFILE.scope)
        return
    with pytest.raises(Refusal) as refused:
        read_grant(200, text, LOGIN, PROFILE, now=NOW)
    assert refused.value.outcome is expected


def test_an_opaque_token_is_taken_at_the_answers_word() -> None:
    text = json.dumps({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "scope": "openid"})
    granted = read_grant(200, text, LOGIN, PROFILE, now=NOW)
    assert (granted.scope, granted.missing, granted.expires_at) == (("openid",), ("storage.read:/",), NOW + 60)
    silent = read_grant(200, json.dumps({"access_token": "opaque", "token_type": "Bearer"}), LOGIN, PROFILE, now=NOW)
    assert (silent.scope, silent.expires_at) == (PROFILE.scope, NOW + 300)


@given(st.text(), st.integers(100, 599))
def test_no_answer_makes_it_stumble_or_quote_what_was_sent(text: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        read_grant(status, f"{text}refresh-canary", LOGIN, PROFILE, now=NOW, secrets=["refresh-canary"])
    assert "canary" not in refused.value.reason + refused.value.message


@pytest.mark.parametrize("quoted", ["error", "error_description"])
def test_a_provider_that_quotes_the_refresh_token_does_not_bring_it_into_the_log(quoted: str) -> None:
    """As INDIGO IAM does: "Invalid refresh token: ...", with 401 and invalid_token."""
    fields = {"error": "invalid_token", "error_description": "", quoted: "Invalid refresh token: refresh-canary"}
    with pytest.raises(Refusal) as refused:
        read_grant(401, json.dumps(fields), LOGIN, PROFILE, now=NOW, secrets=["refresh-canary"])
    assert "Invalid refresh token: [redacted]" in refused.value.reason


def test_neither_login_nor_token_shows_where_it_is_printed() -> None:
    granted = Granted("access-canary", ("openid",), (), 0, 1)
    assert "canary" not in f"{LOGIN!r}{granted!r}{LOGIN.fingerprint}"


def test_fingerprints_of_two_logins_differ_wherever_the_parts_meet() -> None:
    logins = [Login("a", "bc", "d"), Login("ab", "c", "d"), Login("a", "b", "cd"), Login("a", "bc", "e")]
    assert len({login.fingerprint for login in logins}) == len(logins)


@pytest.mark.parametrize(("later", "kept"), [(0, True), (799, True), (800, False), (1001, False), (-10, True)])
def test_a_token_is_handed_out_for_the_first_four_fifths_of_its_life(later: int, kept: bool) -> None:
    cache, granted = TokenCache(10), Granted("t", (), (), NOW, NOW + 1000)
    cache.put(LOGIN, "storage", granted)
    assert (cache.get(LOGIN, "storage", NOW + later) is granted) is kept


@pytest.mark.parametrize(
    "other",
    [Login("mario", "subject of mario", "another"), Login("mario", "another", "refresh-canary")],
)
def test_another_login_of_the_same_name_finds_nothing_and_leaves_nothing(other: Login) -> None:
    cache = TokenCache(10)
    cache.put(LOGIN, "storage", Granted("t", (), (), NOW, NOW + 1000))
    assert cache.get(LOGIN, "compute", NOW) is None
    assert cache.get(other, "storage", NOW) is None
    assert len(cache) == 0


def test_a_memory_keeps_what_was_used_last() -> None:
    memory: Bounded[str, int] = Bounded(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert (memory.get("a"), memory.get("b"), memory.get("c"), len(memory)) == (1, None, 3, 2)


@given(st.lists(st.floats(0, 120), min_size=1, max_size=200), st.integers(1, 20), st.floats(1, 600))
def test_nobody_gets_more_than_burst_and_rate_allow(waits: list[float], burst: int, per_minute: float) -> None:
    bucket: Bucket | None = None
    now, allowed = 1000.0, 0
    start = now + waits[0]
    for wait in waits:
        now += wait
        bucket, seconds = take(bucket, now, per_minute, burst)
        allowed += seconds == 0
        assert seconds >= 0
    assert 1 <= allowed <= burst + (now - start) * per_minute / 60 + 1e-6


def test_who_waits_as_long_as_told_is_let_in_also_after_the_clock_went_back() -> None:
    bucket, _ = take(None, 0, 6, 1)
    bucket, wait = take(bucket, 1, 6, 1)
    assert wait == pytest.approx(9)
    bucket, wait = take(bucket, 10.01, 6, 1)
    assert wait == 0
    assert take(bucket, -100, 6, 1)[1] == pytest.approx(10)


def test_a_reply_without_a_token_is_a_failed_grant() -> None:
    with pytest.raises(GrantFailed):
        granted_fields(200, "{}")
    with pytest.raises(GrantFailed):
        access_token({"access_token": 7})
