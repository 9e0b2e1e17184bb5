"""A hub as people and programs meet it: pages, REST, log; in front of a provider that does what the test says."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fakes.people_iam import PeopleIam
from tests.fakes.people_iam import running as running_iam
from tests.unit.hub_config.conftest import values
from tests.unit.hub_config.running_hub import SERVICE_TOKEN, Hub, running
from tests.unit.hub_config.test_options import REFUSED

GROUPS = {"mario": ["/icsc", "/icsc/admins"], "peach": ["/icsc"], "luigi": []}
Pair = tuple[PeopleIam, Hub]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    async with running_iam(PeopleIam(groups=dict(GROUPS))) as iam:
        traits = {
            "issuer": iam.url,
            "client_id": "hub",
            "client_secret": "secret-of-the-client",
            "allowed_groups": ["/icsc"],
            "admin_groups": ["/icsc/admins"],
        }
        access = {"requestUrl": "https://iam.test/groups", "contact": "help@example.org"}
        async with running(tmp_path_factory.mktemp("hub"), traits, values(access=access)) as hub:
            yield iam, hub


async def log_in(pair: Pair, person: str) -> tuple[int, str]:
    iam, hub = pair
    iam.person = person
    hub.browser.cookie_jar.clear()
    return await hub.page("hub/oauth_login", next="/hub/spawn")


async def test_a_member_comes_to_the_spawn_page(pair: Pair) -> None:
    status, text = await log_in(pair, "mario")
    assert status == 200
    for words in ("Start a server", "JupyterLab", "Python and a terminal", "registry.test/analysis:2", "scales out"):
        assert words in text
    assert "For the detector" not in text
    assert "Files in your home (10 GiB) stay. What is elsewhere, such as in /scratch (20 GiB), is gone" in text
    _, user = await pair[1].api("GET", "users/mario")
    assert (sorted(user["groups"]), user["admin"]) == (["/icsc", "/icsc/admins"], True)


async def test_somebody_else_is_told_which_group_to_ask_for(pair: Pair) -> None:
    status, text = await log_in(pair, "luigi")
    assert status == 403
    for words in ("luigi", "<code>/icsc</code>", "https://iam.test/groups", "help@example.org"):
        assert words in text
    assert (await pair[1].api("GET", "users/luigi"))[0] == 404, "nor are they in the hub's database"


async def test_another_403_is_an_ordinary_one(pair: Pair) -> None:
    await log_in(pair, "peach")
    status, text = await pair[1].page("hub/admin")
    assert status == 403
    assert "<h1>403 : " in text
    assert "membership" not in text


# a bare number is refused by JupyterHub itself; an empty list is the same to JupyterHub 6 as nothing
@pytest.mark.parametrize(
    ("given", "words"), [case for case in REFUSED if case[0] != [] and not isinstance(case[0], int)]
)
async def test_rest_is_answered_with_400_and_a_sentence(pair: Pair, given: object, words: str) -> None:
    await log_in(pair, "peach")
    status, reply = await pair[1].api("POST", "users/peach/server", given)
    assert (status, words in reply["message"]) == (400, True), reply


async def test_refused_requests_neither_end_the_hub_nor_poison_the_user(pair: Pair) -> None:
    _, hub = pair
    await log_in(pair, "peach")
    for _ in range(7):
        assert (await hub.api("POST", "users/peach/server", ["not", "options"]))[0] == 400
    status, text = await hub.page("hub/spawn")
    assert status == 200
    assert 'value="offload" checked' in text, "what was refused before is not what the form begins with"
    assert (await hub.api("GET", "users/peach"))[1]["servers"] == {}


async def test_the_form_tells_what_is_wrong(pair: Pair) -> None:
    await log_in(pair, "peach")
    form = {"image": "", "reference": "evil.org/x:1", "cores": "2", "memory": "4"}
    status, text = await pair[1].submit("hub/spawn", form)
    assert status == 400
    assert "not from evil.org" in text
    assert 'value="evil.org/x:1"' in text, "to be corrected, not typed again"
    assert 'id="highrate-own" checked' in text
    assert "evil.org" not in (await pair[1].page("hub/spawn"))[1]


async def test_a_link_chooses_but_starts_nothing(pair: Pair) -> None:
    _, hub = pair
    await log_in(pair, "peach")
    before = hub.log.read_text()
    status, text = await hub.page("hub/spawn", image="base", cores="8", memory="16")
    assert status == 200
    for chosen in ('value="base" checked', 'value="8" checked', 'value="16" checked'):
        assert chosen in text
    status, text = await hub.page("hub/spawn/peach", reference="registry.test/mine:1")
    assert 'value="registry.test/mine:1"' in text
    assert 'id="highrate-own" checked' in text
    assert (await hub.api("GET", "users/peach"))[1]["servers"] == {}
    assert "Error" not in hub.log.read_text()[len(before) :]


async def test_a_link_to_what_cannot_be_had_is_as_none(pair: Pair) -> None:
    await log_in(pair, "peach")
    script = "<script>alert(1)</script>"
    status, text = await pair[1].page("hub/spawn", image="secret", cores="3", reference=script, x=script)
    assert status == 200
    for usual in ('value="offload" checked', 'value="2" checked', 'value="4" checked'):
        assert usual in text
    assert script not in text


async def test_a_link_survives_the_login(pair: Pair) -> None:
    iam, hub = pair
    iam.person = "peach"
    hub.browser.cookie_jar.clear()
    status, text = await hub.page("hub/spawn", image="base", cores="8")
    assert status == 200
    assert 'value="base" checked' in text


async def test_logout_revokes_and_ends_at_the_provider(pair: Pair) -> None:
    iam, hub = pair
    await log_in(pair, "peach")
    _, before = await hub.api("GET", "users/peach")
    assert before["auth_state"]["refresh_token"] not in iam.revoked
    assert await hub.page("hub/logout") == (200, "logged out of the provider")
    assert before["auth_state"]["refresh_token"] in iam.revoked
    _, after = await hub.api("GET", "users/peach")
    assert after["auth_state"].keys() == {"subject", "ended_at"}
    assert after["auth_state"]["subject"] == "subject of peach"
    assert (await log_in(pair, "peach"))[0] == 200


async def test_a_name_given_to_another_person_opens_nothing(pair: Pair) -> None:
    iam, _ = pair
    await log_in(pair, "peach")
    iam.subjects["peach"] = "another person"
    try:
        status, text = await log_in(pair, "peach")
    finally:
        iam.subjects.clear()
    assert status == 403
    assert "another person&#39;s account" in text


async def test_a_provider_that_is_out_of_order_is_named(pair: Pair) -> None:
    iam, _ = pair
    iam.token_mode = "fail"
    try:
        status, text = await log_in(pair, "peach")
    finally:
        iam.token_mode = "ok"
    assert status == 503
    assert "login service doesn" in text


async def test_counters_are_on_the_hubs_own_page(pair: Pair) -> None:
    _, hub = pair
    await log_in(pair, "mario")
    status, text = await hub.page("hub/metrics")
    assert status == 200
    assert 'highrate_logins_total{outcome="allowed"}' in text


async def test_no_token_is_in_the_log(pair: Pair) -> None:
    await log_in(pair, "mario")
    text = pair[1].log.read_text()
    assert "User logged in: mario" in text
    for secret in ("eyJ", "secret-of-the-client", SERVICE_TOKEN):
        assert secret not in text
    assert "oauth_callback?code=[redacted]&state=[redacted] " in text, "tornado names the address of a refused request"
