"""The edge from outside: who is let in, and what the site's firewall leaves open."""

import json
import socket
import ssl
import urllib.error
import urllib.request

import pytest
from devcluster.iam import registry
from devcluster.site.layout import ENDPOINTS

from tests.cluster.conftest import Platform
from tests.cluster.listener import listening


def call(platform: Platform, token: str | None, mode: str = "schedd") -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(platform.site.ca_file))
    context.check_hostname = False  # by address: this host doesn't know the site's names
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    request = urllib.request.Request(f"{platform.site.edge_url(mode)}/pinglink", method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("mode", list(ENDPOINTS))
def test_the_virtual_kubelets_token_is_let_in(platform: Platform, mode: str) -> None:
    code, text = call(platform, platform.site.edge_token(), mode)
    assert code == 200
    assert json.loads(text)["resources"]["cpu"]


@pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."])
def test_no_token_or_one_that_is_none_is_401_without_a_word(platform: Platform, token: str | None) -> None:
    code, text = call(platform, token)
    assert code == 401
    assert not text.strip() or text.strip() == "unauthorized"


def test_a_token_for_another_audience_is_401(platform: Platform) -> None:
    assert call(platform, platform.site.token(registry.VK, registry.SITE_AUDIENCE))[0] == 401


def test_a_token_without_the_group_is_403(platform: Platform) -> None:
    assert call(platform, platform.site.token(registry.SIDECAR, registry.EDGE_AUDIENCE))[0] == 403


def test_jobs_can_dial_out_and_nobody_can_dial_in(platform: Platform) -> None:
    """A listener at the site that the firewall doesn't name is reached from inside alone; from the site the provider is."""
    site = platform.site
    with listening(site) as listener:
        listener.tell("from inside")
        with pytest.raises(OSError):
            socket.create_connection((str(site.network.plan.site), listener.port), 3).close()
        assert listener.heard() == "from inside"
    reach = f"import urllib.request; print(urllib.request.urlopen('{registry.ISSUER}.well-known/openid-configuration').status)"
    assert site.run(["python3", "-c", reach], user="pilot1").stdout.strip() == "200"
