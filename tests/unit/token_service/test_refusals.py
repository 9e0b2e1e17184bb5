"""What callers are told when there is no token, and that one who can't be helped costs the others nothing."""

import asyncio
from typing import Any

import pytest
from token_service.io import provider

from tests.fakes.hub import Mode as HubMode
from tests.fakes.issuer import Mode as IssuerMode
from tests.unit.token_service.conftest import Desk, StartDesk, eventually


@pytest.mark.parametrize(
    "header",
    [
        None,
        "token",
        "token  ",
        "Basic dXNlcjpwYXNz",
        "abcdef",
        "token two words",
        "token é",
        f"token {'a' * 1025}",
        f"token {'a' * 60_000}",
    ],
)
async def test_without_a_token_of_the_hub_nobody_is_asked(desk: Desk, header: str | None) -> None:
    reply = await desk.get("/v1/token", headers={"Authorization": header} if header else {})
    assert reply.error == (401, "no_hub_token")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert "JUPYTERHUB_API_TOKEN" in reply.body["message"]
    assert desk.hub.paths == []


async def test_two_tokens_are_none(desk: Desk) -> None:
    token = desk.log_in("mario")
    headers = [("Authorization", f"token {token}"), ("Authorization", "token other")]
    assert (await desk.get("/v1/token", headers=headers)).error == (401, "no_hub_token")


async def test_a_token_that_the_hub_never_made_is_refused(desk: Desk) -> None:
    assert (await desk.token("0123456789abcdef")).error == (401, "hub_token_refused")


async def test_headers_without_end_are_refused_before_anything_is_asked(desk: Desk) -> None:
    async with desk.session.get(f"{desk.url}/v1/token", headers={"X": "a" * 200_000}) as response:
        assert response.status == 400
    assert desk.hub.paths == []


@pytest.mark.parametrize("name", ["nothing", "", "Storage", "storage ", "a" * 5000, "../x", "%00", "%0d%0aX: y", "é"])
async def test_an_unknown_profile_is_answered_with_those_that_exist(desk: Desk, name: str) -> None:
    reply = await desk.token(desk.log_in("mario"), name)
    assert reply.error == (404, "unknown_profile")
    assert "compute, storage, whoami" in reply.body["message"]
    assert len(reply.body["message"]) < 500
    assert desk.issuer.token_requests == []


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/v1/token?profile=storage&profile=compute", "GET", (400, "bad_request")),
        ("/v1/tokens", "GET", (404, "not_found")),
        ("/", "GET", (404, "not_found")),
        ("/v1/token", "POST", (405, "method_not_allowed")),
        ("/v1/profiles", "DELETE", (405, "method_not_allowed")),
    ],
)
async def test_other_calls_are_answered_in_json_too(
    desk: Desk, path: str, method: str, expected: tuple[int, str]
) -> None:
    headers = {"Authorization": f"token {desk.log_in('mario')}"}
    async with desk.session.request(method, f"{desk.url}{path}", headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == expected
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("which", ["user_mode", "users_mode"])
@pytest.mark.parametrize("mode", ["fail", "starting", "hang", "garbage", "huge", "list", "redirect"])
async def test_a_hub_that_is_out_of_order_is_asked_again_later(
    start_desk: StartDesk, which: str, mode: HubMode
) -> None:
    async with start_desk(deadlines={"hub": 0.5}) as desk:
        token = desk.log_in("mario")
        setattr(desk.hub, which, mode)
        reply = await desk.token(token)
        assert reply.error == (503, "hub_unavailable")
        assert reply.headers["Retry-After"] == "5"
        setattr(desk.hub, which, "ok")
        assert (await desk.token(token)).status == 200


async def test_a_hub_that_is_not_there_is_asked_again_later(start_desk: StartDesk) -> None:
    async with start_desk(hub={"url": "http://127.0.0.1:9/hub/api"}) as desk:
        assert (await desk.token(desk.log_in("mario"))).error == (503, "hub_unavailable")


async def test_a_service_that_may_not_see_logins_says_whose_matter_that_is(desk: Desk) -> None:
    token = desk.log_in("mario")
    desk.hub.users_mode = "forbid"
    reply = await desk.token(token)
    assert reply.error == (503, "misconfigured")
    assert "administrators" in reply.body["message"]
    desk.hub.users_mode = "ok"
    del desk.hub.users["mario"]["auth_state"]
    assert (await desk.token(token)).error == (503, "misconfigured")
    (desk.folder / "hub-token").unlink()
    assert (await desk.token(token)).error == (503, "misconfigured")


async def test_a_user_whom_the_hub_has_deleted_has_no_login(desk: Desk) -> None:
    token = desk.log_in("mario")
    del desk.hub.users["mario"]
    assert (await desk.token(token)).error == (403, "login_ended")


@pytest.mark.parametrize("mode", ["fail", "hang", "garbage", "huge", "redirect", "empty"])
async def test_a_provider_that_is_out_of_order_is_left_alone_for_a_while(
    start_desk: StartDesk, mode: IssuerMode
) -> None:
    async with start_desk(deadlines={"provider": 0.5}) as desk:
        token = desk.log_in("mario")
        desk.issuer.token_mode = mode
        for _ in range(3):
            reply = await desk.token(token)
            assert reply.error == (503, "provider_unavailable")
            assert 1 <= int(reply.headers["Retry-After"]) <= 10
        assert desk.issuer.fetches["token"] == 1, "it is not asked again before the pause is over"
        desk.issuer.token_mode = "ok"
        assert (await desk.token(desk.log_in("peach"))).status == 200, "others don't wait"
        assert desk.issuer.fetches["elsewhere"] == 0, "no secret follows a redirect"


@pytest.mark.parametrize("mode", ["fail", "garbage", "hang"])
async def test_a_provider_whose_discovery_fails_is_as_good_as_away(start_desk: StartDesk, mode: IssuerMode) -> None:
    async with start_desk(deadlines={"provider": 0.5}) as desk:
        token = desk.log_in("mario")
        desk.issuer.mode = mode
        assert (await desk.token(token)).error == (503, "provider_unavailable")


@pytest.mark.parametrize("mode", ["fail", "hang"])
async def test_a_discovery_that_fails_later_holds_nobody_up(
    start_desk: StartDesk, mode: IssuerMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "DISCOVERED_FOR", 0.0)
    async with start_desk(deadlines={"provider": 2}) as desk:
        token = desk.log_in("mario")
        assert (await desk.token(token)).status == 200
        desk.issuer.mode = mode
        for profile in ("compute", "whoami"):
            assert (await desk.token(token, profile)).status == 200, "what was found before serves"
        assert desk.issuer.fetches["discovery"] == 2, "it is not tried at every request"


async def test_the_provider_says_how_long_to_wait(desk: Desk) -> None:
    desk.issuer.reply = lambda _asked: (429, {"error": "slow_down"})
    desk.issuer.retry_after = "77"
    reply = await desk.token(desk.log_in("mario"))
    assert (reply.error, reply.headers["Retry-After"]) == ((503, "provider_unavailable"), "77")


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (400, {"error": "invalid_grant"}, (403, "login_ended")),
        (401, {"error": "invalid_token"}, (403, "login_ended")),
        (400, {"error": "invalid_scope"}, (403, "not_granted")),
        (400, {"error": "invalid_target"}, (403, "not_granted")),
        (401, {"error": "invalid_client"}, (503, "misconfigured")),
    ],
)
async def test_a_provider_that_refuses_is_believed(
    desk: Desk, status: int, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    desk.issuer.reply = lambda _asked: (status, fields)
    reply = await desk.token(desk.log_in("mario"))
    assert reply.error == expected
    assert ("Retry-After" in reply.headers) == (expected[0] == 503)


async def test_one_who_logs_in_again_needn_t_wait_for_anything(desk: Desk) -> None:
    token = desk.log_in("mario")
    desk.provider.subjects.clear()
    assert (await desk.token(token)).error == (403, "login_ended")
    assert (await desk.token(desk.log_in("mario"))).status == 200


async def test_a_provider_that_rotates_refresh_tokens_ends_one_login_and_no_more(desk: Desk) -> None:
    mario, peach = desk.log_in("mario"), desk.log_in("peach")
    desk.provider.fields = {"refresh_token": "another one"}
    assert (await desk.token(mario)).error == (503, "refresh_tokens_rotate")
    for token in (mario, peach):
        reply = await desk.token(token)
        assert reply.error == (503, "refresh_tokens_rotate")
        assert int(reply.headers["Retry-After"]) >= 60
    assert desk.issuer.fetches["token"] == 1


async def test_one_user_s_rate_is_limited_and_not_the_others(start_desk: StartDesk) -> None:
    async with start_desk(limits={"per_minute": 6, "burst": 3}) as desk:
        mario = desk.log_in("mario")
        replies = [await desk.token(mario) for _ in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 200, 429]
        assert 1 <= int(replies[3].headers["Retry-After"]) <= 10
        assert "6 a minute" in replies[3].body["message"]
        assert (await desk.get("/v1/profiles", mario)).status == 429
        assert (await desk.token(desk.log_in("peach"))).status == 200


async def test_too_many_at_once_are_told_to_come_back(start_desk: StartDesk) -> None:
    async with start_desk(limits={"calls": 2}) as desk:
        desk.hub.user_mode = "hang"
        token = desk.log_in("mario")
        waiting = [asyncio.create_task(desk.token(token)) for _ in range(2)]
        await eventually(lambda: len(desk.hub.paths) == 2, "two calls wait for the hub")
        reply = await desk.token(token)
        assert (reply.error, reply.headers["Retry-After"]) == ((503, "busy"), "5")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        desk.hub.user_mode = "ok"

        async def answered() -> bool:
            return (await desk.token(token)).status == 200

        async with asyncio.timeout(10):
            while not await answered():
                await asyncio.sleep(0.05)
