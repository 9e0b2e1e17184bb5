"""Nobody gets a token of somebody else, whatever was made before and however the names look."""

import asyncio
from urllib.parse import quote

import pytest

from tests.unit.token_service.conftest import Desk, StartDesk

ODD_NAMES = (
    "mario",
    "mario2",
    "mari",
    "mario/peach",
    "mario%2Fpeach",
    "../users/peach",
    "mario?x=1",
    "mario#x",
    "mario.rossi@cern.ch",
    "Mario",
    "màrio",
    "ma rio",
    "mario;peach",
    "!user=peach",
)


async def test_each_gets_a_token_of_their_own_also_when_the_cache_holds_the_others(desk: Desk) -> None:
    mario, peach = desk.log_in("mario"), desk.log_in("peach")
    first = await desk.token(mario)
    second = await desk.token(peach)
    assert (first.claims["sub"], second.claims["sub"]) == ("subject of mario", "subject of peach")
    assert (await desk.token(mario)).body == first.body
    assert (await desk.token(peach)).body == second.body
    assert desk.issuer.fetches["token"] == 2


async def test_names_that_look_alike_or_break_addresses_are_kept_apart(desk: Desk) -> None:
    tokens = {name: desk.log_in(name) for name in ODD_NAMES}
    for _ in range(2):
        replies = await asyncio.gather(*(desk.token(token) for token in tokens.values()))
        assert [reply.claims["sub"] for reply in replies] == [f"subject of {name}" for name in tokens]
    assert f"/hub/api/users/{quote('mario/peach', safe='')}" in desk.hub.paths
    assert desk.issuer.fetches["token"] == len(ODD_NAMES)


@pytest.mark.parametrize("name", [".", ".."])
async def test_a_name_that_leads_elsewhere_gets_nothing(desk: Desk, name: str) -> None:
    desk.log_in("peach")
    reply = await desk.token(desk.log_in(name))
    assert reply.error == (403, "login_ended")
    assert desk.provider.made == []


async def test_a_hub_that_answers_about_somebody_else_is_not_believed(desk: Desk) -> None:
    token = desk.log_in("mario")
    desk.log_in("peach")
    await desk.token(desk.hub.token("peach", "users:activity!user=peach"))
    desk.hub.users["mario"] = desk.hub.users["peach"]
    assert (await desk.token(token)).error == (503, "hub_unavailable")


async def test_who_has_the_name_now_gets_nothing_of_who_had_it(desk: Desk) -> None:
    before = await desk.token(desk.log_in("mario"))
    after = await desk.token(desk.log_in("mario", subject="another person"))
    assert (before.claims["sub"], after.claims["sub"]) == ("subject of mario", "another person")


async def test_a_provider_that_answers_for_somebody_else_is_not_believed(desk: Desk) -> None:
    token = desk.log_in("mario")
    desk.provider.subjects = dict.fromkeys(desk.provider.subjects, "subject of peach")
    assert (await desk.token(token)).error == (403, "login_ended")


async def test_the_token_of_a_visit_to_another_server_opens_nothing(desk: Desk) -> None:
    desk.log_in("mario")
    visit = desk.hub.token("mario", "access:servers!server=peach/", "read:users:name!user=mario")
    assert (await desk.token(visit)).error == (401, "not_a_users_server")
    others = desk.hub.token("mario", "users:activity!user=mario2", "users:activity!user=mari")
    assert (await desk.token(others)).error == (401, "not_a_users_server")
    service = desk.hub.token("mario", "users:activity", "users:activity!user=mario", kind="service")
    assert (await desk.token(service)).error == (401, "not_a_users_server")
    assert desk.provider.made == []


async def test_many_at_once_each_get_their_own(start_desk: StartDesk) -> None:
    async with start_desk() as desk:
        tokens = {name: desk.log_in(name) for name in (f"user{number}" for number in range(30))}
        calls = [(name, token) for name, token in tokens.items() for _ in range(5)]
        replies = await asyncio.gather(*(desk.token(token) for _, token in calls))
        assert [reply.claims["sub"] for reply in replies] == [f"subject of {name}" for name, _ in calls]
        assert desk.issuer.fetches["token"] == 30
