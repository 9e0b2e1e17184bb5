"""What is sent to a token endpoint and what its reply is worth: tables, no network."""

import base64
import contextlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_runtime.grants import claims_of
from token_refresher.core.reply import read_reply
from token_refresher.core.request import token_request
from token_refresher.core.schedule import SHORTEST_WAIT, wait_after_success
from token_refresher.model.granted import Granted, RefreshFailed
from token_refresher.model.settings import Token

NOW = 1_800_000_000.0
BASE: dict[str, Any] = {
    "name": "edge",
    "file": "/run/token",
    "token_endpoint": "https://iam.example/token",
    "client_id": "vk",
    "client_secret_file": "/run/secret",
}


def settings(**changes: Any) -> Token:
    return Token.model_validate({**BASE, **changes})


def jwt(**claims: Any) -> str:
    parts = [{"alg": "RS256", "kid": "k"}, {"exp": NOW + 600, "aud": "edge", **claims}]
    return ".".join([*(_b64(json.dumps(part).encode()) for part in parts), _b64(b"signature")])


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(reply: Any, status: int = 200, secrets: tuple[str, ...] = (), **changes: Any) -> Granted:
    return read_reply(status, reply if isinstance(reply, str) else json.dumps(reply), settings(**changes), NOW, secrets)


BASIC = "Basic dms6czNjcmV0"  # vk:s3cret


@pytest.mark.parametrize(
    ("changes", "refresh_token", "authorization", "form"),
    [
        ({}, None, BASIC, {"grant_type": "client_credentials"}),
        (
            {"scope": "wlcg.groups compute.read", "audience": "edge"},
            None,
            BASIC,
            {"grant_type": "client_credentials", "scope": "wlcg.groups compute.read", "audience": "edge"},
        ),
        (
            {"audience": ["a", "b"], "audience_parameter": "resource"},
            None,
            BASIC,
            {"grant_type": "client_credentials", "resource": "a b"},
        ),
        (
            {"client_authentication": "post"},
            None,
            None,
            {"grant_type": "client_credentials", "client_id": "vk", "client_secret": "s3cret"},
        ),
        (
            {"scope": "openid", "audience": "edge"},
            "r1",
            BASIC,
            {"grant_type": "refresh_token", "refresh_token": "r1", "scope": "openid", "audience": "edge"},
        ),
        (
            {"client_authentication": "post"},
            "r1",
            None,
            {"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "vk", "client_secret": "s3cret"},
        ),
    ],
)
def test_the_request_is_the_one_of_the_rfc(
    changes: dict[str, Any], refresh_token: str | None, authorization: str | None, form: dict[str, str]
) -> None:
    request = token_request(settings(**changes), "s3cret", refresh_token)
    assert request.headers.get("Authorization") == authorization
    assert parse_qs(request.body) == {name: [value] for name, value in form.items()}
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_public_client_says_who_it_is_and_shows_no_secret() -> None:
    request = token_request(settings(), None, "r1")
    assert "Authorization" not in request.headers
    assert parse_qs(request.body)["client_id"] == ["vk"]


def test_a_secret_with_any_characters_survives_basic_authentication() -> None:
    header = token_request(settings(client_id="a b"), "s:c%r+t é", None).headers["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"a+b:s%3Ac%25r%2Bt+%C3%A9"


def test_secrets_do_not_show_where_a_request_or_a_grant_is_printed() -> None:
    request = token_request(settings(client_authentication="post"), "s3cret", "r1-secret")
    granted = read({"access_token": "opaque-token", "refresh_token": "r2-secret"})
    text = f"{request!r} {granted!r}"
    assert not [word for word in ("s3cret", "r1-secret", "opaque-token", "r2-secret", "Basic") if word in text]


@pytest.mark.parametrize("encode", [json.dumps, urlencode])
def test_replies_are_read_as_json_and_url_encoded(encode: Any) -> None:
    reply = {"access_token": "opaque", "token_type": "bearer", "expires_in": 300, "refresh_token": "r2"}
    granted = read(encode(reply))
    assert granted == Granted("opaque", NOW + 300, "r2")


@pytest.mark.parametrize(
    ("claims", "fields", "expires_in"),
    [
        ({}, {}, 600),
        ({}, {"expires_in": 300}, 300),
        ({"exp": NOW + 200}, {"expires_in": 300}, 200),
        ({"exp": NOW + 0.5}, {}, 0.5),
    ],
)
def test_a_token_ends_when_it_or_the_reply_says_so_whichever_is_sooner(
    claims: dict[str, Any], fields: dict[str, Any], expires_in: float
) -> None:
    assert read({"access_token": jwt(**claims), **fields}).expires_at == NOW + expires_in


def test_a_token_that_says_nothing_counts_for_the_configured_time() -> None:
    assert read({"access_token": "opaque"}, lifetime=120).expires_at == NOW + 120


@pytest.mark.parametrize(
    ("aud", "wanted"),
    [("edge", "edge"), (["x", "edge"], "edge"), (["a", "b"], ["b", "a"]), ("x", []), (None, [])],
)
def test_a_token_for_the_audience_that_was_asked_for_is_taken(aud: Any, wanted: Any) -> None:
    assert read({"access_token": jwt(aud=aud)}, audience=wanted)


@pytest.mark.parametrize(
    ("token", "changes", "words"),
    [
        (jwt(aud="x"), {"audience": "edge"}, "meant for ['x'], not for ['edge']"),
        (jwt(aud=None), {"audience": "edge"}, "meant for nobody"),
        (jwt(aud=[7]), {"audience": "edge"}, "meant for nobody"),
        (jwt(aud="edge"), {"audience": ["edge", "b"]}, "not for ['b']"),
        (jwt(exp=NOW - 1), {}, "expired 1 s ago"),
        (jwt(exp="soon"), {}, "exp is no time"),
        (jwt(exp=True), {}, "exp is no time"),
        (jwt(exp=1e300), {}, "exp is no time"),
        ("two words", {}, "fits into a header"),
        ("line\nbreak", {}, "fits into a header"),
        ("", {}, "fits into a header"),
        ("ñ", {}, "fits into a header"),
        ("x" * 20_000, {}, "fits into a header"),
        (7, {}, "fits into a header"),
        (["x"], {}, "fits into a header"),
    ],
)
def test_a_token_that_will_not_do_is_refused_in_words(token: Any, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RefreshFailed) as caught:
        read({"access_token": token}, **changes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("status", "reply", "words"),
    [
        (400, {"error": "invalid_grant", "error_description": "too old"}, "400: invalid_grant: 'too old'"),
        (401, {"error": "invalid_client"}, "401: invalid_client"),
        (400, {"error": "made_up"}, "400: made_up"),
        (400, "error=invalid_scope&error_description=no+such", "400: invalid_scope: 'no such'"),
        (200, {"error": "invalid_request"}, "200: invalid_request"),
        (500, "<html>sorry</html>", "answers 500"),
        (502, "", "answers 502"),
        (200, {}, "200: missing_token"),
        (200, [], "no reply to a token request"),
        (200, '"text"', "200"),
        (200, "7", "200"),
        (200, "null", "200"),
        (500, {"access_token": "opaque"}, "answers 500"),
        (302, "", "answers 302"),
        (400, {"error": "x\ny"}, "unreadable error"),
        (400, {"error": ["x"]}, "400"),
        (200, "[" * 100_000, "200"),
        (200, {"access_token": "opaque", "expires_in": "soon"}, "no reply to a token request"),
    ],
)
def test_a_refusal_is_told_in_the_issuers_words(status: int, reply: Any, words: str) -> None:
    with pytest.raises(RefreshFailed) as caught:
        read(reply, status)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_error_code_is_kept_to_decide_by() -> None:
    with pytest.raises(RefreshFailed) as caught:
        read({"error": "invalid_grant"}, 400)
    assert caught.value.error == "invalid_grant"


def test_an_issuer_that_quotes_what_it_was_sent_does_not_bring_it_into_the_log() -> None:
    reply = {"error": "bad s3cret", "error_description": f"unknown token r1-secret, {jwt()}, client s3cret"}
    with pytest.raises(RefreshFailed) as caught:
        read(reply, 400, ("s3cret", "r1-secret", ""))
    text = str(caught.value) + caught.value.error
    assert not [word for word in ("s3cret", "r1-secret", jwt().split(".")[1]) if word in text]


@pytest.mark.parametrize(
    ("claims", "fields", "remarks"),
    [
        ({"scope": "a b"}, {}, ()),
        ({"scope": "a"}, {}, ("scopes that were not granted: b",)),
        ({"scope": ["a", "b"]}, {}, ()),
        ({}, {"scope": "b"}, ("scopes that were not granted: a",)),
        ({"scope": "a b"}, {"scope": "a"}, ()),
        ({}, {}, ()),
    ],
)
def test_scopes_that_are_missing_are_remarked_on(
    claims: dict[str, Any], fields: dict[str, Any], remarks: tuple[str, ...]
) -> None:
    assert read({"access_token": jwt(**claims), **fields}, scope="a b").remarks == remarks


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "..", "eyJhbGciOiJub25lIn0..", "x" * 5000])
def test_what_is_no_json_web_token_is_opaque(token: str) -> None:
    assert claims_of(token) is None


@given(st.text(max_size=300))
def test_no_reply_breaks_the_reading(body: str) -> None:
    with contextlib.suppress(RefreshFailed):
        read_reply(200, body, settings(), NOW)


@pytest.mark.parametrize(("lifetime", "fraction", "luck", "wait"), [(600, 0.5, 0, 300), (600, 0.5, 1, 270)])
def test_the_next_refresh_comes_after_a_part_of_the_life(
    lifetime: float, fraction: float, luck: float, wait: float
) -> None:
    assert wait_after_success(lifetime, fraction, luck) == pytest.approx(wait)


def test_a_short_life_does_not_make_a_flood() -> None:
    assert wait_after_success(0.1, 0.5, 1) == SHORTEST_WAIT
