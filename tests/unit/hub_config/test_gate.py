"""Who is let in: tables of (configuration, claims) and what follows, asked of the real authenticator."""

from typing import Any

import pytest
from hub_config.auth.gate import groups_of, is_member, normalised
from hub_config.auth.refused import NotAMember, SomebodyElse
from tornado import web

from tests.fakes.people_iam import PeopleIam, running
from tests.unit.hub_config.conftest import User, authenticator

ICSC: dict[str, Any] = {"wlcg.groups": ["/icsc", "/icsc/other"]}


@pytest.mark.parametrize(
    ("traits", "claims", "allowed", "admin"),
    [
        ({}, ICSC, True, False),
        ({}, {"groups": ["icsc"]}, True, False),  # IAM's own profile: no slash
        ({}, {"wlcg.groups": ["/icsc/admins"]}, True, True),  # an admin need not be in the other group
        ({}, {"wlcg.groups": ["/icsc", "/icsc/admins"]}, True, True),
        ({}, {}, False, False),  # IAM leaves the claim out for somebody without groups
        ({}, {"wlcg.groups": []}, False, False),
        ({}, {"wlcg.groups": ["/icsc2"]}, False, False),
        ({}, {"wlcg.groups": ["/icsc/other"]}, False, False),  # a subgroup alone is not the group
        ({}, {"wlcg.groups": ["/ICSC"]}, False, False),
        ({}, {"wlcg.groups": "/icsc"}, False, False),  # not a list
        ({}, {"wlcg.groups": [{"name": "/icsc"}, None]}, False, False),
        ({}, {"wlcg": {"groups": ["/icsc"]}}, False, False),
        ({"allowed_groups": {"icsc/"}}, ICSC, True, False),
        ({"admin_groups": {"icsc"}}, ICSC, True, True),
        ({"allowed_groups": set(), "admin_groups": set()}, ICSC, False, None),
        ({"allow_all": True, "allowed_groups": set()}, {}, True, False),
        ({"allowed_users": {"mario"}}, {}, True, False),
        ({"admin_users": {"mario"}}, {}, True, True),
    ],
)
async def test_groups_decide(traits: dict[str, Any], claims: dict[str, Any], allowed: bool, admin: bool | None) -> None:
    it = authenticator(**traits)
    info = {"sub": "1", "preferred_username": "mario", **claims}
    model = await it._model({"access_token": "a"}, info)
    assert await it._allowed("mario", model) is allowed
    assert model["admin"] is admin
    if not allowed:
        with pytest.raises(NotAMember, match="mario"):
            await it.check_allowed("mario", model)


async def test_people_who_are_named_keep_nobody_else_in_who_lost_the_group() -> None:
    """JupyterHub alone takes names for a wish to let in everybody who ever came: it would add them to `allowed_users`."""
    it = authenticator(allowed_users={"luigi"})
    it.add_user(User("mario"))  # at each first login, and for everybody at each start of the hub
    lost = await it._model({"access_token": "a"}, {"sub": "1", "preferred_username": "mario", "groups": ["other"]})
    assert not await it._allowed("mario", lost)
    assert await it._allowed("luigi", {**lost, "name": "luigi"})


def test_both_group_claims_count_and_are_written_in_one_way() -> None:
    assert groups_of({"wlcg.groups": ["/a/b"], "groups": ["c", "a/b"]}) == {"/a/b", "/c"}
    assert normalised(" a/b/ ") == "/a/b"


def test_no_group_wanted_means_everybody() -> None:
    assert is_member(frozenset(), [])
    assert is_member(frozenset({"/a"}), ["a"])
    assert not is_member(frozenset({"/a"}), ["/a/b"])


class Handler:
    """As much of a callback handler as a login needs."""

    def __init__(self, known: User | None = None) -> None:
        self._known = known

    def find_user(self, _name: str) -> User | None:
        return self._known


async def login(iam: PeopleIam, known: User | None = None, person: str = "mario", **traits: Any) -> Any:
    """A login whose authorization code was given: token endpoint and userinfo are asked for real."""
    it = authenticator(issuer=iam.url, **traits)
    refresh = iam.grant(person)["refresh_token"]
    it.build_access_tokens_request_params = lambda *_: {"grant_type": "refresh_token", "refresh_token": refresh}
    return await it.get_authenticated_user(Handler(known), None)


async def test_a_login_pins_the_subject_to_the_name() -> None:
    async with running(PeopleIam()) as iam:
        model = await login(iam)
        assert model["auth_state"]["subject"] == "subject of mario"
        assert await login(iam, User(state=model["auth_state"]))
        iam.subjects["mario"] = "somebody else"
        with pytest.raises(SomebodyElse, match="another person"):
            await login(iam, User(state=model["auth_state"]))
        with pytest.raises(SomebodyElse):
            await login(iam, User(state={"subject": "subject of mario"}))  # all that a logout leaves
        assert await login(iam, User(state=None)), "nobody was pinned to it"


@pytest.mark.parametrize("name", ["../mario", "-mario", "mario rossi", "mario\n", "m" * 64, "mario/x", "@mario"])
async def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    async with running(PeopleIam(groups={name: ["/icsc"]})) as iam:
        assert await login(iam, person=name) is None


async def test_a_name_is_lower_case_in_the_hub() -> None:
    async with running(PeopleIam(groups={"Mario.Rossi": ["/icsc"]})) as iam:
        assert (await login(iam, person="Mario.Rossi"))["name"] == "mario.rossi"


@pytest.mark.parametrize(("mode", "status"), [("fail", 503), ("garbage", 503), ("refuse", 400)])
async def test_a_login_that_the_provider_does_not_grant_says_so(mode: Any, status: int) -> None:
    async with running(PeopleIam(token_mode=mode)) as iam:
        with pytest.raises(web.HTTPError) as refused:
            await login(iam)
        assert refused.value.status_code == status
        assert "login service" in str(refused.value.log_message)


@pytest.mark.parametrize("issuer", ["https://iam.test", "https://iam.test/"])
def test_endpoints_follow_from_the_issuer(issuer: str) -> None:
    it = authenticator(issuer=issuer)
    assert it.authorize_url == "https://iam.test/authorize"
    assert it.token_url == "https://iam.test/token"
    assert it.userdata_url == "https://iam.test/userinfo"
    assert it.logout_redirect_url == "https://iam.test/logout"
    assert it.enable_pkce
    assert it.enable_auth_state
    assert it.refresh_pre_spawn
    assert getattr(it, "auth_refresh_strict", True), "JupyterHub 6 has it off"
