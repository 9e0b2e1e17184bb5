"""Whom the gateway takes for whom, by what the hub says of a token, and what the others are told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from highrate.doctor import services
from highrate.doctor.finding import State
from offload_backend.core.caller import Caller, caller, hub_token
from offload_backend.model.refusal import CallerRefused, HubUnavailable

from tests.fakes.hub import FakeHub, Mode
from tests.unit.offload_backend.conftest import TOKENS, Gateway, of_a_server

Start = Callable[..., Awaitable[Gateway]]
ENDED = "The hub doesn't know this session any more: log in to the hub again; the server may go on."
VISIT = "was made for a visit"


def model(**changes: object) -> dict[str, object]:
    return {**of_a_server("anna"), **changes}


@pytest.mark.parametrize("scopes", [["users:activity!user=anna"], ["access:services", "users:activity"]])
def test_a_server_is_its_user_with_the_groups_of_the_hub(scopes: list[str]) -> None:
    assert caller(200, model(scopes=scopes)) == Caller("anna", frozenset({"/people"}))
    without = model(scopes=scopes)
    del without["groups"]
    assert caller(200, without) == Caller("anna", frozenset())


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (401, None, ENDED),
        (403, None, ENDED),
        (404, None, ENDED),
        (200, model(scopes=["access:servers!server=anna/"]), VISIT),
        (200, model(scopes=["access:services!service=dask-gateway"]), VISIT),
        (200, model(scopes=["users:activity!user=mario"]), VISIT),
        (200, model(scopes=["users:activity!user=annabel"]), VISIT),
        (200, model(scopes=[]), VISIT),
        (200, model(kind="service", scopes=["users:activity"]), "is not a user's"),
        (200, model(kind="group"), "is not a user's"),
    ],
)
def test_others_are_refused_with_what_to_do(status: int, said: object, words: str) -> None:
    with pytest.raises(CallerRefused) as refused:
        caller(status, said)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, None),
        (502, None),
        (429, None),
        (302, None),
        (200, None),
        (200, []),
        (200, {}),
        (200, model(name="")),
        (200, model(name=1)),
        (200, model(scopes=None)),
        (200, model(scopes="users:activity")),
        (200, model(groups={"/people": 1})),
    ],
)
def test_a_hub_that_says_nothing_usable_refuses_nobody(status: int, said: object) -> None:
    with pytest.raises(HubUnavailable):
        caller(status, said)


@pytest.mark.parametrize(
    "header", [None, "", "jupyterhub", "jupyterhub ", "token abc", "abc", "jupyterhub a b", "jupyterhub " + "a" * 2000]
)
def test_what_is_no_token_is_not_brought_before_the_hub(header: str | None) -> None:
    with pytest.raises(CallerRefused, match="has no token of the hub"):
        hub_token(header)


def test_a_token_is_found_in_its_header() -> None:
    assert hub_token("jupyterhub abc") == hub_token("JupyterHub  abc ") == "abc"


async def refused(gateway: Gateway, header: str) -> tuple[int, str, dict[str, str]]:
    url = f"{gateway.url}/options"
    async with gateway.session.get(url, headers={"Authorization": header} if header else {}) as reply:
        return reply.status, (await reply.json())["error"], dict(reply.headers)


@pytest.mark.parametrize("header", ["", "nonsense", "jupyterhub of-nobody", "jupyterhub of-a-visit"])
async def test_who_is_no_server_of_a_user_is_told_what_to_show(
    start: Start, hub: FakeHub, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start()
    hub.tokens["of-a-visit"] = {**of_a_server("anna"), "scopes": ["access:servers!server=anna/"]}
    with caplog.at_level(logging.INFO):
        status, said, headers = await refused(gateway, header)
    assert (status, headers["WWW-Authenticate"]) == (401, "jupyterhub")
    assert any(words in said for words in (ENDED, VISIT, "has no token")), said
    assert "of-a-visit" not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("mode", ["fail", "starting", "garbage", "huge", "list", "redirect"])
async def test_a_hub_that_fails_is_no_fault_of_the_caller(start: Start, hub: FakeHub, mode: Mode) -> None:
    gateway = await start()
    hub.user_mode = mode
    status, said, headers = await refused(gateway, f"jupyterhub {TOKENS['anna']}")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert said == "The hub can't be asked now who you are. Try again in a moment."


async def test_highrate_doctor_tells_whose_login_has_ended_to_log_in_again(start: Start, hub: FakeHub) -> None:
    gateway = await start()
    environ: dict[str, Any] = {
        "DASK_GATEWAY__ADDRESS": gateway.url.removesuffix("/api/v1"),
        "JUPYTERHUB_API_TOKEN": TOKENS["anna"],
    }
    hub.stale.add("anna")
    found = await asyncio.to_thread(services.gateway, environ)
    assert (found.state, ENDED in found.advice) == (State.BAD, True), found
    hub.stale.clear()
    hub.user_mode = "fail"
    found = await asyncio.to_thread(services.gateway, environ)
    assert "503: The hub can't be asked now" in found.sentence
