"""How long a server goes on whose owner has no valid login: counted from the login's end, however often the hub restarts."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hub_config.auth.login_state import ENDED_AT, SUBJECT

from tests.fakes.people_iam import PeopleIam, running
from tests.unit.hub_config.conftest import User
from tests.unit.hub_config.test_logins_are_renewed import logged_in, make


@pytest.fixture
async def iam() -> AsyncIterator[PeopleIam]:
    async with running(PeopleIam()) as provider:
        yield provider


def restarted(iam: PeopleIam) -> Any:
    """A new process remembers nothing but the database."""
    return make(iam, servers_without_login=1000)


def let_pass(user: User, seconds: float) -> None:
    assert user.state is not None
    user.state[ENDED_AT] -= seconds


async def test_a_logout_counts_from_the_logout(iam: PeopleIam) -> None:
    user = logged_in(iam)
    await restarted(iam).forget(user)
    let_pass(user, 990)
    assert await restarted(iam).keeps_server(user)
    let_pass(user, 20)
    assert not await restarted(iam).keeps_server(user)


async def test_a_refused_renewal_counts_from_the_first_one(iam: PeopleIam) -> None:
    iam.token_mode = "refuse"
    user = logged_in(iam, age=1000)
    assert await restarted(iam).keeps_server(user)
    let_pass(user, 600)
    it = restarted(iam)
    assert await it.keeps_server(user)
    await it.forget(user)
    let_pass(user, 410)
    assert not await restarted(iam).keeps_server(user), "a logout gives no more time"


async def test_a_renewal_that_works_again_ends_the_count(iam: PeopleIam) -> None:
    iam.token_mode = "refuse"
    user = logged_in(iam, age=1000)
    assert await restarted(iam).keeps_server(user)
    let_pass(user, 1001)
    iam.token_mode = "ok"
    assert await restarted(iam).keeps_server(user)
    assert user.state is not None
    assert ENDED_AT not in user.state


async def test_who_never_logged_in_is_counted_from_the_first_look(iam: PeopleIam) -> None:
    """Administrators can start servers for such users."""
    user = User()
    assert await restarted(iam).keeps_server(user)
    let_pass(user, 1001)
    assert not await restarted(iam).keeps_server(user)


async def test_a_time_in_the_future_is_now(iam: PeopleIam) -> None:
    user = User(state={SUBJECT: "s", ENDED_AT: time.time() + 10**6})
    it = restarted(iam)
    assert await it.keeps_server(user)
    it.servers_without_login = 0
    assert not await it.keeps_server(user)


async def test_what_another_key_encrypted_is_left_as_it_is(iam: PeopleIam) -> None:
    """It holds the subject that is pinned to the name, and the key may be put back."""

    class Unreadable(User):
        async def get_auth_state(self) -> None:
            return None

    user = Unreadable(state={SUBJECT: "s"})
    it = restarted(iam)
    assert await it.keeps_server(user)
    await it.forget(user)
    assert (user.state, user.saved) == ({SUBJECT: "s"}, 0)
    it.servers_without_login = 0
    assert not await it.keeps_server(user)
