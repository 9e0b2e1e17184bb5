"""Who may not call: neither many calls nor many addresses cost the hub, this service's memory, or other callers much."""

import ssl

import aiohttp
import pytest
from prometheus_client import REGISTRY
from service_runtime.rate import Bucket, give_back, take
from structlog.testing import capture_logs
from token_service.io.rate_limit import RateLimit
from token_service.model.refusal import Outcome

from tests.fakes.hub import Mode
from tests.unit.token_service.conftest import Desk, StartDesk


def refused(counted: str) -> float:
    return REGISTRY.get_sample_value("token_service_rate_limited_total", {"counted": counted}) or 0.0


async def test_a_flood_of_bad_tokens_ends_before_the_hub(start_desk: StartDesk) -> None:
    async with start_desk(limits={"address_per_minute": 6, "address_burst": 3}) as desk:
        before = refused("address")
        replies = [await desk.token(f"guess-{number}") for number in range(10)]
        assert [reply.status for reply in replies] == [401] * 3 + [429] * 7
        assert len(desk.hub.paths) == 3
        assert refused("address") == before + 7
        assert replies[9].error == (429, "rate_limited")
        assert 1 <= int(replies[9].headers["Retry-After"]) <= 10
        assert "6 a minute" in replies[9].body["message"]
        assert (await desk.token(desk.log_in("mario"))).status == 429, "nobody knows yet who calls"


async def test_calls_without_any_token_count_as_well(start_desk: StartDesk) -> None:
    async with start_desk(limits={"address_per_minute": 6, "address_burst": 2}) as desk:
        replies = [await desk.get("/v1/profiles") for _ in range(3)]
        assert [reply.status for reply in replies] == [401, 401, 429]


async def test_calls_that_lead_to_somebody_cost_their_address_nothing(start_desk: StartDesk) -> None:
    async with start_desk(limits={"address_per_minute": 0.001, "address_burst": 1}) as desk:
        people = [desk.log_in(name) for name in ("mario", "peach", "toad")]
        assert {(await desk.token(token)).status for token in people * 3} == {200}, "all behind one address"


@pytest.mark.parametrize("mode", ["fail", "starting", "garbage", "huge", "list"])
async def test_what_the_hub_can_t_answer_costs_an_address_nothing(start_desk: StartDesk, mode: Mode) -> None:
    async with start_desk(limits={"address_per_minute": 0.001, "address_burst": 1}) as desk:
        mario = desk.log_in("mario")
        desk.hub.user_mode = mode
        assert [(await desk.token(mario)).error for _ in range(3)] == [(503, "hub_unavailable")] * 3
        desk.hub.user_mode = "ok"
        assert (await desk.token(mario)).status == 200, "all behind one address would be kept out after an outage"
        assert [(await desk.token("guess")).status for _ in range(2)] == [401, 429]


async def test_calls_beyond_a_users_rate_count_for_the_address(start_desk: StartDesk) -> None:
    """Whose they are is known once the hub was asked: nothing else keeps them from the hub."""
    limits = {"per_minute": 0.001, "burst": 1, "address_per_minute": 0.001, "address_burst": 3}
    async with start_desk(limits=limits) as desk:
        mario = desk.log_in("mario")
        before = refused("user"), refused("address")
        replies = [await desk.token(mario) for _ in range(7)]
        assert [reply.status for reply in replies] == [200] + [429] * 6
        assert (refused("user"), refused("address")) == (before[0] + 3, before[1] + 3)
        assert desk.hub.paths.count("/hub/api/user") == 4


async def test_another_address_is_not_concerned_and_none_can_be_borrowed(start_desk: StartDesk) -> None:
    async with start_desk(limits={"address_per_minute": 0.001, "address_burst": 1}) as desk:
        assert (await desk.token("guess")).status == 401
        pretended = {"Authorization": "token guess", "X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
        assert (await desk.get("/v1/token", headers=pretended)).status == 429
        context = ssl.create_default_context(cafile=str(desk.folder / "ca.pem"))
        elsewhere = aiohttp.TCPConnector(ssl=context, local_addr=("127.0.0.2", 0))
        headers = {"Authorization": f"token {desk.log_in('mario')}"}
        async with aiohttp.ClientSession(connector=elsewhere) as session:
            async with session.get(f"{desk.url}/v1/token", headers=headers) as response:
                assert response.status == 200


async def test_the_log_tells_of_a_flood_once_until_a_call_is_allowed_again(start_desk: StartDesk) -> None:
    async with start_desk(limits={"address_per_minute": 0.001, "address_burst": 1}) as desk:
        with capture_logs() as lines:
            for _ in range(20):
                await desk.token("guess")
    told = [line["outcome"] for line in lines if line["event"] == "call.refused"]
    assert told == [Outcome.HUB_TOKEN_REFUSED, Outcome.RATE_LIMITED]


async def test_a_token_is_taken_as_soon_as_the_hub_takes_it_again(desk: Desk) -> None:
    """As after a login: the hub answers alike to a token whose login has ended and to one that it never made."""
    mario = desk.log_in("mario")
    desk.hub.stale.add("mario")
    assert (await desk.token(mario)).error == (401, "hub_token_refused")
    desk.hub.stale.clear()
    assert (await desk.token(mario)).status == 200


def test_what_is_remembered_is_bounded() -> None:
    limit = RateLimit("address", 6, 1, size=3, clock=lambda: 1000.0)
    for number in range(100):
        limit.check(f"10.0.0.{number}")
        limit.give_back(f"10.0.1.{number}")
    assert len(limit) == 3


def test_a_call_that_is_given_back_is_allowed_again_and_no_more_than_that() -> None:
    bucket, _ = take(None, 0, 6, 2)
    bucket = give_back(bucket, 2)
    assert bucket == Bucket(2, 0)
    assert give_back(bucket, 2) == bucket
    empty, wait = take(Bucket(0, 0), 0, 6, 2)
    assert (empty.refused, wait) == (True, 10)
    assert take(give_back(empty, 2), 0, 6, 2) == (Bucket(0, 0), 0)
