"""Looks at a login: when it is renewed, what a provider in trouble does to it, and who has to go."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from hub_config.auth.login_state import SUBJECT
from hub_config.auth.refresh import OBTAINED_AT, Outcome, renewal_due

from tests.fakes.people_iam import PeopleIam, running
from tests.unit.hub_config.conftest import User, authenticator


@pytest.fixture
async def iam() -> AsyncIterator[PeopleIam]:
    async with running(PeopleIam()) as provider:
        yield provider


def make(iam: PeopleIam, **traits: Any) -> Any:
    return authenticator(issuer=iam.url, **traits)


def logged_in(iam: PeopleIam, age: float = 0, **token: Any) -> User:
    """Somebody who logged in `age` seconds ago."""
    response = {**iam.grant("mario"), OBTAINED_AT: time.time() - age, **token}
    info = iam.claims("mario")
    state = {"token_response": response, "oauth_user": info, SUBJECT: info["sub"], **response}
    return User("mario", state=state)


def grow_older(user: User, seconds: float) -> None:
    assert user.state is not None
    user.state["token_response"][OBTAINED_AT] -= seconds


@pytest.mark.parametrize(
    ("age", "life", "due"),
    [
        (0, 3600, False),
        (899, 3600, False),
        (900, 3600, True),  # groups may have changed
        (650, 1000, False),
        (700, 1000, True),  # 300 s before the end
        (20, 100, False),  # a life shorter than the margin: at half of it
        (50, 100, True),
        (0, None, False),
        (899, None, False),
    ],
)
def test_a_login_is_renewed_before_its_token_ends_and_when_groups_may_have_changed(
    age: float, life: int | None, due: bool
) -> None:
    token = {OBTAINED_AT: 1000.0} | ({"expires_in": life} if life else {})
    assert renewal_due(token, 1000.0 + age, margin=300, groups_max_age=900) is due


def test_a_token_of_unknown_age_is_renewed() -> None:
    assert renewal_due({"expires_in": 3600}, 0, margin=300, groups_max_age=900)


async def test_a_fresh_login_asks_the_provider_nothing(iam: PeopleIam) -> None:
    model = await make(iam).refresh_user(logged_in(iam))
    assert (model["name"], model["groups"], model["admin"]) == ("mario", ["/icsc"], False)
    assert (iam.token_requests, iam.userinfo_requests) == ([], 0)


async def test_jupyterhub_is_told_what_is_new_to_it_and_nothing_else(iam: PeopleIam) -> None:
    """It writes down whatever it is given, tokens included, and does so later."""
    it, user = make(iam), logged_in(iam, age=1000)
    user.groups = [SimpleNamespace(name="/icsc")]
    assert await it.refresh_user(user) is True
    assert user.saved == 1, "what the provider gave is written down here"
    assert await it.refresh_user(user) is True
    assert user.saved == 1
    user.admin = True
    assert (await it.refresh_user(user))["admin"] is False


async def test_an_old_login_is_renewed_with_the_scopes_that_were_granted(iam: PeopleIam) -> None:
    user = logged_in(iam, age=3400, scope="openid wlcg.groups")
    before = user.state
    assert before is not None
    assert await make(iam).refresh_user(user)
    assert iam.token_requests[0]["scope"] == "openid wlcg.groups"
    assert iam.basic == ("hub", "not a secret")
    assert user.state is not None
    assert user.state["access_token"] != before["access_token"]
    assert user.state["refresh_token"] != before["refresh_token"]
    assert user.state["token_response"][OBTAINED_AT] > time.time() - 60


async def test_many_requests_at_once_renew_once(iam: PeopleIam) -> None:
    iam.gate = asyncio.Event()
    it, user = make(iam), logged_in(iam, age=3400)
    looks = [asyncio.create_task(it.refresh_user(user)) for _ in range(20)]
    async with asyncio.timeout(10):
        while not iam.token_requests:
            await asyncio.sleep(0.01)
    looks[0].cancel()
    iam.gate.set()
    results = await asyncio.gather(*looks[1:])
    assert all(results), "the refresh token works once: a second renewal would have ended the login"
    assert len(iam.token_requests) == 1
    assert await it.refresh_user(user), "who comes later begins with the new refresh token"


async def test_groups_that_were_taken_away_end_the_login_and_the_server(iam: PeopleIam) -> None:
    it, user = make(iam), logged_in(iam, age=1000)
    iam.groups["mario"] = ["/other"]
    assert await it.refresh_user(user) is False
    assert (await it.look(user)).outcome is Outcome.NOT_ALLOWED
    assert not await it.keeps_server(user)


async def test_an_administrator_who_is_none_any_more_stays_as_a_user(iam: PeopleIam) -> None:
    iam.groups["mario"] = ["/icsc", "/icsc/admins"]
    it, user = make(iam), logged_in(iam, age=1000)
    assert (await it.refresh_user(user))["admin"] is True
    iam.groups["mario"] = ["/icsc"]
    grow_older(user, 1000)
    assert (await it.refresh_user(user))["admin"] is False


async def test_a_refused_renewal_asks_for_a_new_login_but_leaves_the_server_for_a_while(iam: PeopleIam) -> None:
    iam.token_mode = "refuse"
    user = logged_in(iam, age=1000)
    it = make(iam, servers_without_login=1000)
    assert await it.refresh_user(user) is False
    assert await it.keeps_server(user)
    it.servers_without_login = 0
    assert not await it.keeps_server(user)
    iam.token_mode = "ok"
    assert await it.refresh_user(user), "the tokens were kept: the provider may have been wrong"
    assert await it.keeps_server(user)


@pytest.mark.parametrize("mode", ["fail", "busy", "garbage"])
async def test_a_provider_in_trouble_logs_nobody_out(iam: PeopleIam, mode: Any) -> None:
    iam.token_mode = mode
    it, user = make(iam), logged_in(iam, age=7200)
    assert await it.refresh_user(user), "the token ended an hour ago"
    assert await it.keeps_server(user)
    assert await make(iam, outage_grace=60).refresh_user(user) is False, "but not for ever"


async def test_a_provider_that_is_not_there_logs_nobody_out(iam: PeopleIam) -> None:
    user = logged_in(iam, age=7200)
    assert await authenticator(issuer="http://127.0.0.1:9/").refresh_user(user)


async def test_a_fresh_token_is_kept_even_if_userinfo_fails(iam: PeopleIam) -> None:
    iam.userinfo_mode = "fail"
    it, user = make(iam), logged_in(iam, age=1000)
    assert await it.refresh_user(user)
    iam.userinfo_mode = "ok"
    grow_older(user, 1000)
    assert await it.refresh_user(user), "the old refresh token is used up"


async def test_without_a_refresh_token_a_login_lasts_as_long_as_its_access_token(iam: PeopleIam) -> None:
    assert await make(iam).refresh_user(logged_in(iam, age=3500, refresh_token=None))
    assert await make(iam).refresh_user(logged_in(iam, age=3601, refresh_token=None)) is False


@pytest.mark.parametrize("state", [None, {}, {SUBJECT: "x"}])
async def test_who_has_no_tokens_logs_in_again(iam: PeopleIam, state: Any) -> None:
    assert await make(iam).refresh_user(User(state=state)) is False


async def test_a_login_that_became_somebody_elses_ends(iam: PeopleIam) -> None:
    user = logged_in(iam, age=1000)
    iam.subjects["mario"] = "somebody else"
    assert await make(iam).refresh_user(user) is False
