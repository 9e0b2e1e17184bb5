"""Whoever has no business here is refused, cheaply, with a sentence, and counted."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from relay.model.refusal import Outcome

from tests.fakes.relay_member import AsymmetricKey, Member, Signer, eventually
from tests.unit.relay.conftest import Hands, StartHands, metric

SHOWN: list[tuple[str, Callable[[Member], str | None], tuple[int, str]]] = [
    ("none", lambda _m: None, (401, "no_ticket")),
    ("words", lambda _m: "let-me-in", (401, "bad_ticket")),
    ("long", lambda _m: f"{'a' * 4000}.{'b' * 4000}.c", (401, "bad_ticket")),
    ("three parts", lambda _m: "eyJhbGciOiJub25lIn0.e30.eA", (401, "bad_ticket")),
    ("another's signature", lambda m: Signer().ticket(m.url, "dial"), (401, "bad_ticket")),
    ("tampered", lambda m: _tampered(m.ticket("dial")), (401, "bad_ticket")),
    ("expired", lambda m: m.ticket("dial", exp=int(time.time()) - 60), (401, "expired_ticket")),
    ("without end", lambda m: m.ticket("dial", exp=None), (401, "bad_ticket")),
    ("made in the future", lambda m: m.ticket("dial", iat=int(time.time()) + 3600), (401, "bad_ticket")),
    ("another member's", lambda m: m.ticket("dial", aud="https://relay-1.test"), (403, "other_member")),
    ("several members'", lambda m: m.ticket("dial", aud=[m.url]), (403, "other_member")),
    ("nobody's", lambda m: m.ticket("dial", sub=""), (401, "bad_ticket")),
    ("no cluster's", lambda m: m.signer.ticket(m.url, "dial", cluster=""), (401, "bad_ticket")),
    ("without number", lambda m: m.ticket("dial", jti=None), (401, "bad_ticket")),
    ("another purpose", lambda m: m.ticket("both"), (401, "bad_ticket")),
    ("to listen", lambda m: m.ticket("listen"), (403, "other_purpose")),
    ("good, for nobody there", lambda m: m.ticket("dial"), (404, "unknown_id")),
]


def _tampered(ticket: str) -> str:
    head, body, signature = ticket.split(".")
    return f"{head}.{body}.{'A' * len(signature)}"


@pytest.mark.parametrize(("make", "expected"), [row[1:] for row in SHOWN], ids=[row[0] for row in SHOWN])
async def test_tickets_that_open_nothing(
    start_hands: StartHands, make: Callable[[Member], str | None], expected: tuple[int, str]
) -> None:
    async with start_hands(tls=False, clock_skew=0) as hands:
        before = metric("relay_calls_total", outcome=expected[1])
        reply = await hands.get("/v1/dial/w1", make(hands.member))
        assert reply.error == expected
        assert reply.body["message"].endswith((".", "?"))
        assert metric("relay_calls_total", outcome=expected[1]) == before + 1


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/v1/dial/w1", {"Upgrade": ""}, (426, "no_upgrade")),
        ("/v1/dial/w1", {"Connection": "keep-alive"}, (426, "no_upgrade")),
        ("/v1/dial/w1", {"Sec_WebSocket_Key": "c2hvcnQ="}, (426, "no_upgrade")),
        ("/v1/dial/w%201", {}, (400, "bad_request")),
        ("/v1/dial/-w", {}, (400, "bad_request")),
        (f"/v1/dial/{'w' * 101}", {}, (400, "bad_request")),
        ("/v1/other/w1", {}, (404, "not_found")),
        ("/", {}, (404, "not_found")),
    ],
)
async def test_calls_that_are_none(
    start_hands: StartHands, path: str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    async with start_hands(tls=False) as hands, hands.listening():
        assert (await hands.get(path, hands.member.ticket("dial"), **headers)).error == expected


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (lambda: RSAKey.generate_key(2048), "RS256"),
        (lambda: ECKey.generate_key("P-256"), "ES256"),
        (lambda: OKPKey.generate_key("Ed25519"), "EdDSA"),
    ],
    ids=["RSA", "P-256", "Ed25519"],
)
async def test_any_kind_of_key_signs_tickets_and_two_count_while_they_rotate(
    start_hands: StartHands, key: Callable[[], AsymmetricKey], algorithm: str
) -> None:
    async with start_hands(tls=False) as hands:
        new = Signer(key(), algorithm)
        ticket = new.ticket(hands.member.url, "dial")
        assert (await hands.get("/v1/dial/w1", ticket)).error == (401, "bad_ticket")
        (hands.member.folder / "tickets.pem").write_bytes(hands.member.signer.public + new.public)
        assert hands.member.relay is not None
        hands.member.relay.keys._looked -= 60  # as if the next look were due
        assert (await hands.get("/v1/dial/w1", ticket)).error == (404, "unknown_id"), "what was bad is looked at again"
        assert (await hands.get("/v1/dial/w1", hands.member.ticket("dial"))).error == (404, "unknown_id")


async def test_a_file_of_keys_that_breaks_changes_nothing(start_hands: StartHands) -> None:
    async with start_hands(tls=False) as hands:
        (hands.member.folder / "tickets.pem").write_text("nothing")
        assert hands.member.relay is not None
        hands.member.relay.keys._looked -= 60
        assert (await hands.get("/v1/dial/w1", hands.member.ticket("dial"))).error == (404, "unknown_id")
        assert hands.member.relay.unready() is None


async def test_clusters_do_not_see_each_other(hands: Hands) -> None:
    async with hands.listening() as control:
        other = hands.member.ticket("dial", "c2")
        assert (await hands.get("/v1/dial/w1", other)).error == (404, "unknown_id")
        dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        token = await hands.told(control)
        stolen = await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen", "c2"))
        assert stolen.error == (404, "unknown_call")
        assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("dial"))).error == (403, "other_purpose")
        assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))).status == 101
        assert (await dial).status == 101
        assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))).error == (404, "unknown_call")


LIMITS: list[tuple[dict[str, int], str, str, Outcome]] = [
    ({"user_streams": 1}, "c1", "mario", Outcome.USER_LIMIT),
    ({"cluster_streams": 1}, "c1", "mario", Outcome.CLUSTER_LIMIT),
    ({"user_calls_burst": 1, "user_calls_per_minute": 1}, "c1", "mario", Outcome.RATE_LIMITED),
]


@pytest.mark.parametrize(("limits", "cluster", "user", "outcome"), LIMITS)
async def test_limits_of_streams_and_calls(
    start_hands: StartHands, limits: dict[str, int], cluster: str, user: str, outcome: Outcome
) -> None:
    async with start_hands(tls=False, limits=limits) as hands:
        listen = hands.member.ticket("listen", cluster, "listener-of-" + user)
        async with hands.listening(ticket=listen) as control:
            dial = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial", cluster, user)))
            await hands.told(control)
            reply = await hands.get("/v1/dial/w1", hands.member.ticket("dial", cluster, user))
            assert reply.error == (429, outcome)
            assert int(reply.headers["retry-after"]) >= 1
            dial.cancel()


@pytest.mark.parametrize("limit", ["user_pending", "cluster_pending", "listener_pending"])
async def test_limits_of_calls_that_wait(start_hands: StartHands, limit: str) -> None:
    async with start_hands(tls=False, limits={limit: 1}) as hands, hands.listening() as control:
        first = asyncio.create_task(hands.get("/v1/dial/w1", hands.member.ticket("dial")))
        token = await hands.told(control)
        assert (await hands.get("/v1/dial/w1", hands.member.ticket("dial"))).status == 429
        assert (await hands.get(f"/v1/accept/{token}", hands.member.ticket("listen"))).status == 101
        assert (await first).status == 101
        await hands.stream(control)  # the first one waits no longer


@pytest.mark.parametrize("limit", ["user_listeners", "cluster_listeners"])
async def test_limits_of_listeners(start_hands: StartHands, limit: str) -> None:
    async with start_hands(tls=False, limits={limit: 1}) as hands:
        async with hands.listening("w1"):
            refused = await hands.get("/v1/listen/w2", hands.member.ticket("listen"))
            assert refused.status == 429
            async with hands.listening("w1"):  # its own place, once more
                pass
        relay = hands.member.relay
        assert relay is not None
        await eventually(lambda: metric("relay_listeners") == 0, "both are gone")
        async with hands.listening("w2") as control:
            await hands.stream(control, "w2")


async def test_more_connections_than_allowed_are_told_to_come_back(start_hands: StartHands) -> None:
    async with start_hands(tls=False, limits={"connections": 1}) as hands, hands.listening():
        reply = await hands.get("/v1/dial/w1", hands.member.ticket("dial"))
        assert reply.error == (503, "busy")


async def test_bad_tickets_are_verified_a_few_times_and_keep_nobody_out(start_hands: StartHands) -> None:
    """From the very address that honest callers have, as behind one ingress or router."""
    limits = {"failures_burst": 3, "failures_per_minute": 0.001}
    async with start_hands(tls=False, limits=limits) as hands:
        known, bad = hands.member.ticket("dial"), [_tampered(hands.member.ticket("dial")) for _ in range(2)]
        assert (await hands.get("/v1/dial/w1", known)).status == 404
        checks = metric("relay_ticket_checks_total", result="bad_ticket")
        errors = [(await hands.get("/v1/dial/w1", bad[n % 2])).error for n in range(6)]
        assert errors == [(401, "bad_ticket")] * 3 + [(429, "too_many_failures")] * 3
        assert metric("relay_ticket_checks_total", result="bad_ticket") - checks == 2, "the third was known to be bad"
        assert (await hands.get("/v1/dial/w1", known)).status == 404, "a ticket that is known gets in"
        fresh = await hands.get("/v1/dial/w1", hands.member.ticket("dial"))
        assert fresh.error == (429, "too_many_failures"), "unknown tickets of that address wait"


async def test_who_calls_is_told_by_the_ingress(start_hands: StartHands) -> None:
    limits = {"failures_burst": 1, "failures_per_minute": 0.001}
    async with start_hands(tls=False, limits=limits, trusted_proxies=["127.0.0.0/8"]) as hands:
        bad = _tampered(hands.member.ticket("dial"))

        async def status(forwarded: str, ticket: str) -> int:
            return (await hands.get("/v1/dial/w1", ticket, X_Forwarded_For=forwarded)).status

        assert await status("203.0.113.9", bad) == 401
        assert await status("203.0.113.9", hands.member.ticket("dial")) == 429
        assert await status("198.51.100.7", hands.member.ticket("dial")) == 404
        assert await status("198.51.100.7, 203.0.113.9", hands.member.ticket("dial")) == 429, "the right end counts"


async def test_nothing_of_a_ticket_is_logged(hands: Hands, capsys: pytest.CaptureFixture[str]) -> None:
    tickets: list[Any] = [_tampered(hands.member.ticket("dial")), hands.member.ticket("listen"), "not-a-ticket-canary"]
    for ticket in tickets:
        await hands.get("/v1/dial/w1", ticket)
    said = capsys.readouterr().out
    assert "call.refused" in said
    for ticket in tickets:
        assert ticket not in said
