"""What a pod gets: a token of the profile it names, made of the login, kept while it is good, never a refresh token."""

import asyncio

import pytest
from token_service.io.mint import Mint
from token_service.model.login import Granted, Login
from token_service.model.settings import Limits, Profile

from tests.unit.token_service.conftest import ANYWHERE, CLIENT_SECRET, PROFILES, Desk, StartDesk, eventually


async def test_a_pod_gets_a_narrow_token_of_its_user(desk: Desk) -> None:
    token = desk.log_in("mario", "refresh-of-mario")
    reply = await desk.token(token)
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "no-store"
    assert {key: reply.body[key] for key in ("token_type", "profile", "scope", "audience")} == {
        "token_type": "Bearer",
        "profile": "storage",
        "scope": "openid storage.read:/ storage.modify:/",
        "audience": ANYWHERE,
    }
    assert reply.body.keys() == {"access_token", "token_type", "profile", "scope", "audience", "expires_at"}
    assert reply.body["expires_at"] == reply.claims["exp"]
    assert (reply.claims["aud"], reply.claims["sub"]) == (ANYWHERE, "subject of mario")
    asked = desk.issuer.token_requests[0]
    assert asked.basic == ("hub", CLIENT_SECRET)
    assert asked.form == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-of-mario",
        "scope": "openid storage.read:/ storage.modify:/",
        "audience": ANYWHERE,
    }


async def test_profiles_differ_in_scope_and_audience_and_one_is_the_default(desk: Desk) -> None:
    token = desk.log_in("mario")
    compute = await desk.token(token, "compute")
    assert (compute.claims["aud"], compute.claims["scope"]) == ("https://ce.test:9619", "compute.create compute.read")
    default = await desk.get("/v1/token", token, scheme="Bearer")
    assert default.body["profile"] == "storage"
    await desk.token(token, "whoami")
    assert "audience" not in desk.issuer.token_requests[2].form


async def test_the_profiles_are_listed_for_who_has_a_token(desk: Desk) -> None:
    listed = await desk.get("/v1/profiles", desk.log_in("mario"))
    assert (listed.status, listed.body["default"]) == (200, "storage")
    assert listed.body["profiles"] == [
        {"name": "compute", "description": ""},
        {"name": "storage", "description": "Files"},
        {"name": "whoami", "description": ""},
    ]
    assert (await desk.get("/v1/profiles")).error == (401, "no_hub_token")


async def test_a_token_is_kept_and_the_hub_is_asked_all_the_same(desk: Desk) -> None:
    token = desk.log_in("mario")
    replies = [await desk.token(token) for _ in range(3)]
    assert len({reply.body["access_token"] for reply in replies}) == 1
    assert desk.issuer.fetches["token"] == 1
    assert desk.hub.paths == ["/hub/api/user", "/hub/api/users/mario"] * 3


async def test_a_token_that_is_nearly_over_is_made_anew() -> None:
    now = 1000.0
    made = iter(["first", "second"])

    async def refresh(_login: Login, _profile: Profile) -> Granted:
        return Granted(next(made), (), (), granted_at=now, expires_at=now + 100)

    profiles = {"storage": Profile.model_validate(PROFILES["storage"])}
    async with Mint(profiles, refresh, Limits(), clock=lambda: now) as mint:
        given = []
        for moment in (1000.0, 1079.0, 1080.0, 1150.0):
            now = moment
            granted, source = await mint.token(Login("mario", "s", "r"), "storage")
            given.append((granted.token, source))
    assert given == [("first", "provider"), ("first", "cache"), ("second", "provider"), ("second", "cache")]


async def test_who_asks_at_the_same_moment_shares_one_request(desk: Desk) -> None:
    token = desk.log_in("mario")
    replies = await asyncio.gather(*(desk.token(token) for _ in range(20)))
    assert len({reply.body["access_token"] for reply in replies}) == 1
    assert desk.issuer.fetches["token"] == 1


@pytest.mark.parametrize("leaves", [0, 1])
async def test_one_who_hangs_up_does_not_break_off_the_others_request(leaves: int) -> None:
    gate, asked = asyncio.Event(), 0

    async def refresh(_login: Login, _profile: Profile) -> Granted:
        nonlocal asked
        asked += 1
        await gate.wait()
        return Granted("made", (), (), granted_at=1000, expires_at=1100)

    profiles = {"storage": Profile.model_validate(PROFILES["storage"])}
    async with Mint(profiles, refresh, Limits(), clock=lambda: 1000.0) as mint:
        calls = [asyncio.create_task(mint.token(Login("mario", "s", "r"), "storage")) for _ in range(2)]
        await eventually(lambda: asked == 1, "the provider is asked")
        calls[leaves].cancel()
        await asyncio.wait([calls[leaves]])
        gate.set()
        granted, _ = await calls[1 - leaves]
    assert (granted.token, asked) == ("made", 1)


async def test_logged_out_means_nothing_more_at_once(desk: Desk) -> None:
    token = desk.log_in("mario")
    assert (await desk.token(token)).status == 200
    desk.hub.users["mario"]["auth_state"] = {"subject": "subject of mario"}
    assert (await desk.token(token)).error == (403, "login_ended")
    desk.hub.users["mario"]["auth_state"] = None
    assert (await desk.token(token)).error == (403, "login_ended")


async def test_a_login_that_the_hub_refuses_gets_nothing_of_the_cache(desk: Desk) -> None:
    """Out of the group, or revoked: JupyterHub then answers as it does an unknown token."""
    token = desk.log_in("mario")
    assert (await desk.token(token)).status == 200
    desk.hub.stale.add("mario")
    reply = await desk.token(token)
    assert reply.error == (401, "hub_token_refused")
    assert "login has ended" in reply.body["message"]


async def test_a_new_login_gets_a_new_token(desk: Desk) -> None:
    first = await desk.token(desk.log_in("mario"))
    second = await desk.token(desk.log_in("mario"))
    assert first.body["access_token"] != second.body["access_token"]


async def test_the_cache_has_an_end(start_desk: StartDesk) -> None:
    async with start_desk(limits={"tokens": 2}) as desk:
        tokens = [desk.log_in(name) for name in ("mario", "peach", "luigi")]
        for token in (*tokens, tokens[2], tokens[1], tokens[0]):
            assert (await desk.token(token)).status == 200
        assert desk.issuer.fetches["token"] == 4, "only the one unused for longest was made again"


async def test_less_than_was_asked_for_is_given_and_said(desk: Desk) -> None:
    desk.provider.claims = {"scope": "openid storage.read:/"}
    reply = await desk.token(desk.log_in("mario"))
    assert (reply.status, reply.body["scope"]) == (200, "openid storage.read:/")


async def test_a_client_may_show_its_secret_in_the_form(start_desk: StartDesk) -> None:
    async with start_desk(issuer={"client_authentication": "post"}) as desk:
        assert (await desk.token(desk.log_in("mario"))).status == 200
        asked = desk.issuer.token_requests[0]
        assert (asked.basic, asked.form["client_id"], asked.form["client_secret"]) == (None, "hub", CLIENT_SECRET)


async def test_secrets_that_are_replaced_are_used_at_the_next_call(desk: Desk) -> None:
    token = desk.log_in("mario")
    desk.hub.service_token = "another"
    assert (await desk.token(token)).error == (503, "misconfigured")
    (desk.folder / "hub-token").write_text("another\n")
    (desk.folder / "client-secret").write_text("new:secret")
    assert (await desk.token(token)).status == 200
    assert desk.issuer.token_requests[0].basic == ("hub", "new%3Asecret")
