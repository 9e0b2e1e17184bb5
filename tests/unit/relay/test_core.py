"""The decisions, as tables."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from relay.core.handshake import answer_headers
from relay.core.keys import MOST_KEYS, UnusableKeys, public_keys
from relay.core.pace import Pace
from relay.core.places import Key, Places
from relay.core.remote import remote_address
from relay.core.shares import Shares
from relay.model.refusal import Outcome, Refusal

from tests.fakes.certificates import Authority
from tests.fakes.relay_member import Signer

W1 = Key("c1", "w1")
PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.7", "203.0.113.9, 10.2.2.2"], "203.0.113.9"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["nonsense"], "10.1.1.1"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        (None, ["203.0.113.9"], "unknown"),
    ],
)
def test_who_calls(peer: str | None, forwarded: list[str], expected: str) -> None:
    assert remote_address(peer, forwarded, PROXIES) == expected


def test_a_place_is_kept_given_up_and_taken_over() -> None:
    places: Places[str] = Places(kept_for=60)
    places.reserve(W1, "mario", now=0)
    assert places.take(W1, "first") == (places.find(W1), None)
    assert places.take(W1, "second")[1] == "first"
    assert places.leave(W1, "first", 1, for_good=True) is None, "it is no longer the first one's to give up"
    assert places.connected == 1
    assert places.leave(W1, "second", 1, for_good=False) is None
    assert (places.connected, places.sweep(60.9)) == (0, [])
    place, before = places.take(W1, "third")
    assert (before, place.connection, place.user) == (None, "third", "mario")
    assert places.sweep(1000) == [], "who is there is not swept"
    left = places.leave(W1, "third", 1000, for_good=True)
    assert left is place
    assert (len(places), places.connected) == (0, 0)


def test_a_reserved_place_that_nobody_takes_is_swept() -> None:
    places: Places[str] = Places(kept_for=60)
    places.reserve(W1, "mario", now=0)
    assert [place.key for place in places.sweep(60)] == [W1]


def test_shares_count_users_and_clusters_and_a_refusal_counts_nothing() -> None:
    shares = Shares("streams", per_user=2, per_cluster=1)
    shares.take("mario", "c1")
    with pytest.raises(Refusal) as refused:
        shares.take("mario", "c1")
    assert refused.value.outcome is Outcome.CLUSTER_LIMIT
    shares.take("mario", "c2")
    with pytest.raises(Refusal) as refused:
        shares.take("mario", "c3")
    assert refused.value.outcome is Outcome.USER_LIMIT
    shares.take("peach", "c3")
    shares.give_back("mario", "c1")
    shares.take("mario", "c1")


@given(st.lists(st.tuples(st.integers(1, 500_000), st.floats(0, 2)), max_size=50))
def test_no_more_than_a_second_s_worth_above_the_rate_ever_passes(portions: list[tuple[int, float]]) -> None:
    rate, pace, now, passed = 100_000, Pace(100_000), 0.0, 0
    for count, later in portions:
        now += later
        now += pace.spend(count, now)  # the source waits
        passed += count
        assert passed <= rate * (now + 1) + 1e-3 * rate


def test_without_a_rate_nobody_waits() -> None:
    assert Pace(None).spend(10**12, 0.0) == 0


PRIVATE = rsa.generate_private_key(65537, 1024)
WEAK = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
SECRET = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (b"", "no PEM public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "key 1 can't be read"),
        (WEAK, "RSA of 1024 bits"),
        (SECRET, "holds a PRIVATE KEY"),
        (Signer().public * (MOST_KEYS + 1), f"{MOST_KEYS} are allowed"),
    ],
)
def test_files_that_hold_no_usable_keys(pem: bytes, words: str) -> None:
    with pytest.raises(UnusableKeys, match=words):
        public_keys(pem)


def test_certificates_are_keys_too(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    assert len(public_keys(authority.file.read_bytes() + Signer().public)) == 2


def test_the_answer_of_the_rfc() -> None:
    call = {
        "Upgrade": "WebSocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert answer_headers(call)["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
