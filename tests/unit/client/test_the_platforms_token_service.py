"""What a session asks, and the platform's own service answers."""

import asyncio
import time
from pathlib import Path

import pytest
from highrate.tokens import service
from highrate.tokens.answer import Answer, Granted, NotNow, Refused
from highrate.tokens.settings import Settings
from service_runtime.grants import claims_of

from tests.unit.token_service.conftest import Desk, StartDesk, start_desk

__all__ = ["start_desk"]  # the fixture


async def ask(desk: Desk, hub_token: str, profile: str = "") -> Answer:
    asked = Settings(desk.url, "", desk.folder / "ca.pem", hub_token, Path("unused"))
    return await asyncio.to_thread(service.ask, asked, profile)


async def test_a_token_comes_with_what_it_is_good_for(start_desk: StartDesk) -> None:
    async with start_desk() as desk:
        answer = await ask(desk, desk.log_in("ada"), "compute")
        assert isinstance(answer, Granted)
        claims = claims_of(answer.token)
        assert claims is not None
        assert (answer.profile, answer.audience) == ("compute", claims["aud"])
        assert set(answer.scope.split()) == {"compute.create", "compute.read"}
        assert answer.expires_at == claims["exp"] > time.time()


async def test_no_profile_is_the_services_default(start_desk: StartDesk) -> None:
    async with start_desk() as desk:
        answer = await ask(desk, desk.log_in("ada"))
        assert isinstance(answer, Granted)
        assert answer.profile == "storage"


@pytest.mark.parametrize(
    ("known", "profile", "code"),
    [(False, "storage", "401 hub_token_refused"), (True, "nonsense", "404 unknown_profile")],
)
async def test_refusals_are_told_in_the_services_words(
    start_desk: StartDesk,
    known: bool,
    profile: str,
    code: str,
) -> None:
    async with start_desk() as desk:
        answer = await ask(desk, desk.log_in("ada") if known else "a-token-of-nobody", profile)
        assert isinstance(answer, Refused)
        assert answer.reason.endswith(f"({code})")


async def test_who_asks_too_often_is_told_when_to_come_back(start_desk: StartDesk) -> None:
    async with start_desk() as desk:
        token = desk.log_in("ada")
        for _ in range(200):
            answer = await ask(desk, token)
            if not isinstance(answer, Granted):
                break
        assert isinstance(answer, NotNow)
        assert "429 rate_limited" in answer.reason
        assert answer.retry_after >= 1
