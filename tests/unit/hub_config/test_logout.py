"""Logout: what is revoked and kept, and that nothing that was under way undoes it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hub_config.auth.login_state import ENDED_AT, SUBJECT
from hub_config.auth.refresh import Outcome

from tests.fakes.people_iam import PeopleIam, running
from tests.unit.hub_config.conftest import User, authenticator
from tests.unit.hub_config.test_logins_are_renewed import logged_in, make


@pytest.fixture
async def iam() -> AsyncIterator[PeopleIam]:
    async with running(PeopleIam()) as provider:
        yield provider


class SlowToRead(User):
    """Who once is read late: as the hub's decryption may be, which runs in a thread."""

    def __init__(self, user: User) -> None:
        super().__init__(user.name, state=user.state)
        self.reads, self.may_be_read = 0, asyncio.Event()

    async def get_auth_state(self) -> dict[str, Any] | None:
        self.reads += 1
        found = await super().get_auth_state()
        if self.reads == 1:
            await self.may_be_read.wait()
        return found


class SlowToWrite(User):
    """Who once is written down late, as encryption runs in a thread as well."""

    def __init__(self, user: User) -> None:
        super().__init__(user.name, state=user.state)
        self.writes, self.may_be_written = 0, asyncio.Event()

    async def save_auth_state(self, state: dict[str, Any] | None) -> None:
        self.writes += 1
        if self.writes == 1:
            await self.may_be_written.wait()
        await super().save_auth_state(state)


async def log_in(it: Any, user: User, new: User) -> None:
    """As JupyterHub does it, once the gate has said yes: `user` has the login that `new` has."""
    await it.begin(user.name, lambda: user.save_auth_state(new.state))


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


def is_logged_out(user: User) -> bool:
    return user.state is not None and user.state.keys() == {SUBJECT, ENDED_AT} and user.state[SUBJECT] is not None


async def test_it_revokes_the_refresh_token_and_keeps_no_token(iam: PeopleIam) -> None:
    user = logged_in(iam)
    assert user.state is not None
    refresh_token = user.state["refresh_token"]
    await make(iam).forget(user)
    assert iam.revoked == [refresh_token]
    assert iam.basic == ("hub", "not a secret")
    assert is_logged_out(user)


async def test_it_forgets_even_if_the_provider_is_away() -> None:
    user = User(state={"refresh_token": "r", SUBJECT: "s"})
    await authenticator(issuer="http://127.0.0.1:9/").forget(user)
    assert is_logged_out(user)


async def test_a_renewal_under_way_ends_in_the_logout_and_its_new_token_is_revoked(iam: PeopleIam) -> None:
    iam.gate = asyncio.Event()
    it, user = make(iam), logged_in(iam, age=1000)
    renewal = asyncio.create_task(it.refresh_user(user))
    await until(lambda: iam.token_requests)
    logout = asyncio.create_task(it.forget(user))
    await asyncio.sleep(0)
    iam.gate.set()
    assert await renewal is False, "JupyterHub would write the tokens down once more"
    await logout
    assert is_logged_out(user)
    assert iam._refresh == {}, "no refresh token works any more"


async def test_a_look_that_begins_during_a_logout_brings_nothing_back(iam: PeopleIam) -> None:
    iam.gate = asyncio.Event()
    it, user = make(iam), SlowToRead(logged_in(iam, age=1000))
    logout = asyncio.create_task(it.forget(user))
    await until(lambda: user.reads)
    look = asyncio.create_task(it.refresh_user(user))
    await asyncio.sleep(0)
    user.may_be_read.set()
    await logout
    iam.gate.set()
    assert await look is False
    assert is_logged_out(user)
    assert iam.token_requests == []


async def test_a_look_that_began_before_the_logout_leaves_its_token_to_be_revoked(iam: PeopleIam) -> None:
    it, user = make(iam), SlowToRead(logged_in(iam))
    look = asyncio.create_task(it.refresh_user(user))
    await until(lambda: user.reads)
    logout = asyncio.create_task(it.forget(user))
    await asyncio.sleep(0)
    user.may_be_read.set()
    assert await look is False
    await logout
    assert is_logged_out(user)
    assert iam._refresh == {}


async def test_what_jupyterhub_writes_down_late_is_removed_by_the_next_look(iam: PeopleIam) -> None:
    it, user = make(iam), logged_in(iam)
    late = await user.get_auth_state()
    await it.forget(user)
    await user.save_auth_state(late)
    assert await it.refresh_user(user) is False
    assert is_logged_out(user)
    assert iam._refresh == {}


async def test_who_logs_in_again_is_logged_in(iam: PeopleIam) -> None:
    it, user, new = make(iam), logged_in(iam), logged_in(iam)
    await it.forget(user)
    assert (await it.look(user)).outcome is Outcome.LOGIN_NEEDED
    await log_in(it, user, new)
    assert await it.refresh_user(user)


@pytest.mark.parametrize("mode", ["ok", "refuse"])
async def test_a_look_at_the_login_before_writes_nothing_over_the_new_one(iam: PeopleIam, mode: Any) -> None:
    iam.gate, iam.token_mode = asyncio.Event(), mode
    it, user = make(iam), logged_in(iam, age=1000)
    look = asyncio.create_task(it.look(user))
    await until(lambda: iam.token_requests)
    new = logged_in(iam)
    await log_in(it, user, new)
    iam.gate.set()
    assert (await look).outcome is Outcome.VALID
    assert user.state == new.state


@pytest.mark.parametrize("mode", ["ok", "refuse"])
async def test_a_look_that_begins_while_a_login_is_written_down_leaves_it_alone(iam: PeopleIam, mode: Any) -> None:
    """It reads what was there before."""
    iam.gate, iam.token_mode = asyncio.Event(), mode
    it, user, new = make(iam, servers_without_login=0), SlowToWrite(logged_in(iam, age=1000)), logged_in(iam)
    login = asyncio.create_task(log_in(it, user, new))
    await until(lambda: user.writes)
    look = asyncio.create_task(it.look(user))
    await until(lambda: iam.token_requests)
    user.may_be_written.set()
    await login
    iam.gate.set()
    assert (await look).outcome is Outcome.VALID
    assert user.state == new.state
    assert await it.keeps_server(user), "what was said of the login before is not said of this one"


@pytest.mark.parametrize("ended", [False, True], ids=["a renewal", "a logout"])
async def test_a_login_is_written_over_what_a_look_is_writing(iam: PeopleIam, ended: bool) -> None:
    """Encrypting runs in a thread: who comes later may be done first."""
    it, user, new = make(iam), SlowToWrite(logged_in(iam, age=1000)), logged_in(iam)
    look = asyncio.create_task(it.forget(user) if ended else it.refresh_user(user))
    await until(lambda: user.writes)
    login = asyncio.create_task(log_in(it, user, new))
    # all that a login does without waiting for the look
    for _ in range(10):
        await asyncio.sleep(0)
    user.may_be_written.set()
    await asyncio.gather(look, login)
    assert user.state == new.state
    assert await it.refresh_user(user)


async def test_a_login_that_could_not_be_written_down_is_none(iam: PeopleIam) -> None:
    it, user = make(iam), logged_in(iam)
    await it.forget(user)

    async def broken() -> None:
        raise OSError("the database is away")

    with pytest.raises(OSError, match="away"):
        await it.begin("mario", broken)
    assert await it.refresh_user(user) is False
    await log_in(it, user, logged_in(iam))
    assert await it.refresh_user(user), "others may be written down"


async def test_jupyterhub_is_given_no_tokens_to_write_down(iam: PeopleIam) -> None:
    """It would do so later, whatever was written meanwhile; without them it keeps what it finds then."""
    model = await make(iam).refresh_user(logged_in(iam))
    assert model.keys() == {"name", "admin", "groups"}
