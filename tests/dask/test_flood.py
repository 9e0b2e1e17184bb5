"""Ten thousand bad tickets, while honest work goes on."""

import asyncio

import pytest

from tests.fakes.relay_member import Signer
from tests.unit.relay.conftest import Hands, StartHands, metric, start_hands

__all__ = ["start_hands"]

pytestmark = pytest.mark.timeout(300)


async def test_ten_thousand_bad_tickets_keep_nobody_out(start_hands: StartHands) -> None:
    """From the very address that honest callers have, as behind one ingress or router."""
    limits = {"failures_burst": 20, "failures_per_minute": 0.001}
    async with start_hands(tls=False, limits=limits) as hands, hands.listening() as control:
        dialled, _ = await hands.stream(control)
        known = hands.member.ticket("dial")
        assert (await hands.get("/v1/dial/nobody", known)).status == 404
        bad = [Signer().ticket(hands.member.url, "dial") for _ in range(100)]
        before = {o: metric("relay_calls_total", outcome=o) for o in ("bad_ticket", "too_many_failures")}
        checks = metric("relay_ticket_checks_total", result="bad_ticket")

        async def flood(number: int) -> None:
            for turn in range(500):
                await _refused(hands, bad[(number + turn) % 100])

        floods = [asyncio.create_task(flood(n)) for n in range(20)]
        answers = 0
        while not all(task.done() for task in floods):
            assert (await hands.get("/v1/dial/nobody", known)).status == 404, "a ticket that is known gets in"
            answers += 1
        for task in floods:
            await task
        counted = {o: metric("relay_calls_total", outcome=o) - n for o, n in before.items()}
        assert sum(counted.values()) == 10_000
        assert counted["bad_ticket"] == 20, "then the address has none left"
        assert metric("relay_ticket_checks_total", result="bad_ticket") - checks <= 20
        assert answers > 0
        await dialled.send(b"still open")
        fresh = await hands.get("/v1/dial/w1", hands.member.ticket("dial"))
        assert fresh.error == (429, "too_many_failures"), "unknown tickets of that address wait"


async def _refused(hands: Hands, ticket: str) -> None:
    headers = {"Authorization": f"Bearer {ticket}"}
    async with hands.session.get(f"{hands.member.url}/v1/dial/w1", headers=headers) as response:
        assert response.status in (401, 429)
