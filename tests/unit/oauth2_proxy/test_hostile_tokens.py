"""What may stand in an Authorization header: whatever it is, it is refused by its kind and never breaks anything."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from oauth2_proxy.core.bearer import Unverified, bearer_token, read_token
from oauth2_proxy.core.gate import identify
from oauth2_proxy.core.keys import UnusableKeys, fitting_keys, import_keys, verified_claims
from oauth2_proxy.model.settings import Issuer
from oauth2_proxy.model.verdict import Denied, Outcome

from tests.fakes.issuer import FakeIssuer

ISSUER = Issuer.model_validate({"issuer": "https://iam.example/", "audiences": ["edge"], "allow": "anyone"})


@pytest.fixture(scope="module")
def fake() -> FakeIssuer:
    return FakeIssuer(url="https://iam.example/")


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def jws(header: Any, payload: Any = None, signature: bytes = b"x") -> str:
    body = {"iss": ISSUER.issuer} if payload is None else payload
    return f"{part(header)}.{part(body)}.{part(signature)}"


def outcome(*authorization: str) -> Outcome:
    found = identify(authorization, [ISSUER], 8192)
    return found.outcome if isinstance(found, Denied) else Outcome.ALLOWED


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ((), Outcome.MISSING),
        (("",), Outcome.MISSING),
        (("Bearer",), Outcome.MISSING),
        (("Bearer ",), Outcome.MISSING),
        (("Basic dXNlcjpwYXNz",), Outcome.MISSING),
        (("Bearerx",), Outcome.MISSING),
        ((f"Bearer {jws({'alg': 'RS256'})}",) * 2, Outcome.MALFORMED),
        (("Bearer garbage",), Outcome.MALFORMED),
        (("Bearer a.b",), Outcome.MALFORMED),
        (("Bearer a.b.c.d.e",), Outcome.MALFORMED),
        (("Bearer ..",), Outcome.MALFORMED),
        (("Bearer ñ.ñ.ñ",), Outcome.MALFORMED),
        (("Bearer \udcff.\udcff.x",), Outcome.MALFORMED),
        ((f"Bearer {'x' * 9000}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256'})}",), Outcome.ALLOWED),
        ((f"bearer   {jws({'alg': 'RS256'})} ",), Outcome.ALLOWED),
        ((f"Bearer {jws({'alg': 'RS256'})} extra",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256', 'private': 1})}",), Outcome.ALLOWED),
        ((f"Bearer {jws({'alg': 'RS256', 'crit': ['exp']})}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256', 'b64': False, 'crit': ['b64']})}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256', 'b64': False})}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256', 'kid': 7})}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': ['RS256']})}",), Outcome.MALFORMED),
        ((f"Bearer {jws({})}",), Outcome.MALFORMED),
        ((f"Bearer {jws([])}",), Outcome.MALFORMED),
        ((f"Bearer {jws('alg')}",), Outcome.MALFORMED),
        ((f"Bearer {jws(7)}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256'}, [1])}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256'}, {})}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256'}, b'')}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256'}, b'[' * 3000)}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'RS256'}, b'1' * 5000)}",), Outcome.MALFORMED),
        ((f"Bearer {jws(b'[' * 3000)}",), Outcome.MALFORMED),
        ((f"Bearer {jws({'alg': 'none'})}",), Outcome.ALGORITHM),
        ((f"Bearer {jws({'alg': 'None'})}",), Outcome.ALGORITHM),
        ((f"Bearer {jws({'alg': 'HS256'})}",), Outcome.ALGORITHM),
        ((f"Bearer {jws({'alg': 'RS384'})}",), Outcome.ALGORITHM),
        ((f"Bearer {jws({'alg': 'RS256'}, {'iss': 'https://other.example/'})}",), Outcome.UNKNOWN_ISSUER),
    ],
)
def test_each_kind_of_header_has_its_outcome(authorization: tuple[str, ...], expected: Outcome) -> None:
    assert outcome(*authorization) is expected


@given(st.lists(st.text(max_size=200), max_size=2))
def test_no_header_breaks_the_reading(authorization: list[str]) -> None:
    identify(authorization, [ISSUER], 8192)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_token_of_three_parts_breaks_the_reading(header: bytes, payload: bytes) -> None:
    identify([f"Bearer {part(header)}.{part(payload)}.x"], [ISSUER], 8192)


def read(text: str) -> Unverified:
    token = read_token(text)
    assert isinstance(token, Unverified)
    return token


def test_reasons_do_not_carry_the_token(fake: FakeIssuer) -> None:
    text = fake.token(iss="https://other.example/")
    for value in (f"Bearer {text}", f"Bearer {text[:-4]}!", f"Basic {text}", f"Bearer {text} {text}"):
        refusal = identify([value], [ISSUER], 8192)
        assert isinstance(refusal, Denied)
        assert not [piece for piece in text.split(".") if piece in refusal.reason]
    longer = bearer_token([f"Bearer {text}"], 10)
    assert isinstance(longer, Denied)
    assert text[:20] not in longer.reason


def test_a_token_is_verified_with_the_key_of_its_name_only(fake: FakeIssuer) -> None:
    other = RSAKey.generate_key(2048, {"kid": "other"})
    token = read(fake.token())
    assert verified_claims(token, fitting_keys([other, fake.signing], token)) is not None
    assert fitting_keys([other], token) == ()
    assert verified_claims(token, [other]) is None


def test_a_token_without_a_key_name_is_tried_with_all_keys_of_its_kind(fake: FakeIssuer) -> None:
    others: list[Key] = [RSAKey.generate_key(2048, {"kid": "a"}), ECKey.generate_key("P-256", {"kid": "b"})]
    token = read(fake.token(header={"kid": None}))
    fitting = fitting_keys([*others, fake.signing], token)
    assert [key.get("kid") for key in fitting] == ["a", "first"]
    assert verified_claims(token, fitting) is not None


def test_a_published_key_without_a_name_fits_any_token(fake: FakeIssuer) -> None:
    nameless = RSAKey.generate_key(2048)
    token = read(fake.token(key=nameless, header={"kid": "what-the-issuer-calls-it"}))
    assert verified_claims(token, fitting_keys(import_keys({"keys": [nameless.as_dict(private=False)]}), token))


def test_a_public_key_used_as_shared_secret_is_no_signature(fake: FakeIssuer) -> None:
    """The classic confusion: HS256 with the published RSA key as the secret."""
    assert isinstance(fake.signing, RSAKey)
    secret = OctKey.import_key(base64.b64encode(fake.signing.as_der(private=False)))
    token = read(fake.token(key=secret, header={"kid": "first", "alg": "HS256"}))
    assert identify([f"Bearer {token.text}"], [ISSUER], 8192) == Denied(
        Outcome.ALGORITHM, f"signed with 'HS256', accepted are {', '.join(ISSUER.algorithms)}"
    )
    renamed = Unverified(token.text, "RS256", "first", token.issuer)
    assert verified_claims(renamed, [fake.signing]) is None


def test_a_changed_payload_is_noticed(fake: FakeIssuer) -> None:
    header, payload, signature = fake.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = f"{header}.{part({**claims, 'sub': 'root'})}.{signature}"
    assert verified_claims(read(forged), [fake.signing]) is None
    assert verified_claims(read(f"{header}.{payload}."), [fake.signing]) is None


@pytest.mark.parametrize(
    "key",
    [
        RSAKey.generate_key(2048, {"kid": "k", "use": "enc"}).as_dict(private=False),
        RSAKey.generate_key(1024, {"kid": "k"}).as_dict(private=False),
        OctKey.generate_key(256, {"kid": "k"}).as_dict(private=True),
        {"kty": "RSA", "kid": "k"},
        {"kty": "RSA", "kid": "k", "n": "?", "e": "AQAB"},
        {"kty": "RSA", "kid": "k", "n": 7, "e": 7},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "unheard-of"},
        {"kty": ["RSA"]},
        {},
        "text",
        None,
    ],
)
def test_keys_that_can_not_verify_are_left_out_without_harm_to_the_others(key: Any, fake: FakeIssuer) -> None:
    good = fake.signing.as_dict(private=False)
    assert [k.get("kid") for k in import_keys({"keys": [key, good]})] == ["first"]
    with pytest.raises(UnusableKeys):
        import_keys({"keys": [key]})


@pytest.mark.parametrize("document", [None, [], "x", {}, {"keys": None}, {"keys": {}}, {"keys": []}])
def test_a_document_without_keys_is_no_key_set(document: Any) -> None:
    with pytest.raises(UnusableKeys):
        import_keys(document)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSAKey.generate_key(2048, {"kid": "k"}), "RS256"),
        (RSAKey.generate_key(2048, {"kid": "k"}), "PS384"),
        (ECKey.generate_key("P-256", {"kid": "k"}), "ES256"),
        (ECKey.generate_key("P-384", {"kid": "k"}), "ES384"),
        (OKPKey.generate_key("Ed25519", {"kid": "k"}), "Ed25519"),
        (OKPKey.generate_key("Ed25519", {"kid": "k"}), "EdDSA"),
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_each_asymmetric_algorithm_is_verified(key: Key, algorithm: str, fake: FakeIssuer) -> None:
    token = read(fake.token(key=key, header={"alg": algorithm}))
    keys = import_keys({"keys": [key.as_dict(private=False)]})
    assert verified_claims(token, fitting_keys(keys, token)) is not None
