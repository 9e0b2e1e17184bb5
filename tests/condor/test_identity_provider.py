"""The provider answers as an INDIGO IAM with the WLCG token profile does."""

import time
from collections.abc import Callable

import pytest
from devcluster.hub_address import CALLBACK
from devcluster.iam import registry, service
from devcluster.iam.tokens import TokenRefused
from devcluster.site.access import Site
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization

from tests.condor.provider_client import ProviderClient, claims, query_of

SCOPE = "openid profile email offline_access wlcg.groups"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def client(site: Site) -> ProviderClient:
    return ProviderClient(site)


@pytest.fixture
def mario(client: ProviderClient) -> dict[str, str]:
    """What the hub gets for a person who logged in."""
    reply, verifier = client.log_in("mario", client.site.secrets.passwords["mario"], SCOPE)
    code = query_of(reply.location)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    tokens: dict[str, str] = client.as_client("/token", registry.HUB, **form).json
    return tokens


def test_discovery_answers_with_one_slash_and_with_two(client: ProviderClient) -> None:
    documents = [client.call(f"{slashes}.well-known/openid-configuration").json for slashes in ("/", "//")]
    assert documents[0] == documents[1]
    assert documents[0]["issuer"] == registry.ISSUER
    assert documents[0]["jwks_uri"] == f"{registry.ISSUER}jwk"
    assert "end_session_endpoint" not in documents[0]


def test_a_service_gets_a_signed_token_of_the_wlcg_profile(client: ProviderClient) -> None:
    token = client.site.token(registry.VK, "highrate-edge")
    published: KeySetSerialization = client.call("/jwk").json
    keys = KeySet.import_key_set(published)
    content = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert content["wlcg.ver"] == "1.0"
    assert content["iss"] == registry.ISSUER
    assert content["aud"] == "highrate-edge"
    assert content["sub"] == content["client_id"] == registry.VK
    assert content["wlcg.groups"] == [registry.EDGE_GROUP]
    assert content["nbf"] <= time.time() < content["exp"] <= time.time() + 3600


def test_the_audience_is_any_where_none_is_asked_for_and_a_list_where_several_are(site: Site) -> None:
    assert claims(site.token(audience=""))["aud"] == "https://wlcg.cern.ch/jwt/v1/any"
    assert claims(site.token(audience="https://a:1 b"))["aud"] == ["https://a:1", "b"]


def test_scopes_are_all_registered_ones_or_the_ones_asked_for(site: Site) -> None:
    assert "compute.cancel" in claims(site.token())["scope"].split()
    assert claims(site.token(scope="compute.read"))["scope"] == "compute.read"
    with pytest.raises(TokenRefused, match="invalid_scope"):
        site.token(scope="storage.read:/")


def test_a_service_without_groups_has_no_group_claim(site: Site) -> None:
    assert "wlcg.groups" not in claims(site.edge_token(registry.STRANGER))


def test_a_wrong_secret_gets_nothing(site: Site) -> None:
    with pytest.raises(TokenRefused, match="invalid_client"):
        site.provider.client_credentials(registry.VK, "wrong")


def test_a_person_logs_in_with_pkce_and_the_tokens_say_who_it_is(mario: dict[str, str]) -> None:
    access, identity = claims(mario["access_token"]), claims(mario["id_token"])
    assert access["wlcg.groups"] == identity["wlcg.groups"] == ["/icsc", "/icsc/admins"]
    assert identity["preferred_username"] == "mario"
    assert identity["aud"] == registry.HUB
    assert access["sub"] == identity["sub"]


def test_a_person_without_groups_has_no_group_claim(client: ProviderClient) -> None:
    reply, verifier = client.log_in("luigi", client.site.secrets.passwords["luigi"], SCOPE)
    form = {"code": query_of(reply.location)["code"], "redirect_uri": CALLBACK, "code_verifier": verifier}
    tokens = client.as_client("/token", registry.HUB, grant_type="authorization_code", **form).json
    assert "wlcg.groups" not in claims(tokens["access_token"])


def test_a_wrong_password_and_a_wrong_verifier_get_nothing(client: ProviderClient) -> None:
    reply, _ = client.log_in("mario", "wrong", SCOPE)
    assert reply.status == 403
    reply, verifier = client.log_in("mario", client.site.secrets.passwords["mario"], SCOPE)
    form = {"code": query_of(reply.location)["code"], "redirect_uri": CALLBACK, "code_verifier": verifier + "x"}
    refused = client.as_client("/token", registry.HUB, grant_type="authorization_code", **form)
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


def test_an_audience_asked_for_at_the_token_endpoint_is_in_the_refreshed_token(
    client: ProviderClient, mario: dict[str, str]
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": mario["refresh_token"], "audience": "dask"}
    again = client.as_client("/token", registry.HUB, **form).json
    assert claims(again["access_token"])["aud"] == "dask"
    assert again.get("refresh_token", mario["refresh_token"]) == mario["refresh_token"]


def test_a_group_taken_away_is_missing_from_the_next_token_of_a_login_that_goes_on(client: ProviderClient) -> None:
    reply, verifier = client.log_in("anna", client.site.secrets.passwords["anna"], SCOPE)
    form = {"code": query_of(reply.location)["code"], "redirect_uri": CALLBACK, "code_verifier": verifier}
    first = client.as_client("/token", registry.HUB, grant_type="authorization_code", **form).json
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    with client.site.with_groups("anna"):
        poll(
            lambda: "wlcg.groups" not in claims(client.as_client("/token", registry.HUB, **again).json["access_token"])
        )
    poll(
        lambda: (
            claims(client.as_client("/token", registry.HUB, **again).json["access_token"]).get("wlcg.groups")
            == ["/icsc"]
        )
    )


def poll(condition: Callable[[], bool]) -> None:
    """The provider takes a signal; nobody says when it did."""
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_userinfo_takes_the_access_token(client: ProviderClient, mario: dict[str, str]) -> None:
    answer = client.call("/userinfo", headers={"Authorization": f"Bearer {mario['access_token']}"}).json
    assert answer["sub"] == claims(mario["id_token"])["sub"]
    assert answer["wlcg.groups"] == ["/icsc", "/icsc/admins"]
    assert client.call("/userinfo", headers={"Authorization": "Bearer nonsense"}).status == 401


def test_a_revoked_token_is_no_longer_active(client: ProviderClient) -> None:
    token = client.site.edge_token()
    assert client.as_client("/introspect", registry.VK, token=token).json["active"] is True
    assert client.as_client("/revoke", registry.VK, token=token).status == 200
    assert client.as_client("/introspect", registry.VK, token=token).json == {"active": False}


def test_a_device_is_let_in_by_the_person_who_types_its_code(client: ProviderClient) -> None:
    offer = client.as_client("/devicecode", registry.HUB, scope=SCOPE).json
    waiting = client.as_client("/token", registry.HUB, grant_type=DEVICE, device_code=offer["device_code"])
    assert waiting.json["error"] == "authorization_pending"
    page = client.call(f"/device?user_code={offer['user_code']}")
    xsrf = page.body.partition(b'name="xsrf" value="')[2].partition(b'"')[0].decode()
    confirmed = client.call("/device", {"xsrf": xsrf, "user_code": offer["user_code"], "confirm": "yes"})
    client.follow(confirmed, "mario", client.site.secrets.passwords["mario"])
    tokens = client.as_client("/token", registry.HUB, grant_type=DEVICE, device_code=offer["device_code"]).json
    assert claims(tokens["id_token"])["preferred_username"] == "mario"


@pytest.mark.alone
def test_tokens_stay_good_when_the_provider_is_killed_and_comes_back(client: ProviderClient) -> None:
    site = client.site
    token, keys = site.edge_token(), client.call("/jwk").json
    machine = site.iam
    before = machine.programs()[service.NAME]
    machine.run(["kill", "-9", str(before.pid)])
    limit = time.monotonic() + 20
    while machine.programs()[service.NAME].starts == before.starts or not site.provider.healthy():
        assert time.monotonic() < limit, "the provider was not started again"
        time.sleep(0.1)
    assert client.call("/jwk").json == keys
    assert client.as_client("/introspect", registry.VK, token=token).json["active"] is True
