"""The edge from outside: who is let in, and what the site's firewall leaves open."""

import json
import ssl
import urllib.error
import urllib.request

import pytest
from devcluster.iam import registry
from devcluster.site.layout import ENDPOINTS

from tests.cluster.conftest import Platform


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
    """A listener at the site that the firewall doesn't name is not reached; from the site the provider is."""
    site = platform.site
    listener = "import socket; s = socket.create_server(('0.0.0.0', 12345)); s.settimeout(4); s.accept()"
    dialler = (
        "import socket, sys; socket.setdefaulttimeout(2)\n"
        f"try: socket.create_connection(('{site.network.plan.site}', 12345)); sys.exit(7)\n"
        "except TimeoutError: sys.exit(0)\nexcept OSError: sys.exit(0)"
    )
    script = f'python3 -c "{listener}" 2>/dev/null & sleep 1; wait'
    import subprocess
    import threading

    thread = threading.Thread(target=lambda: site.run(["sh", "-c", script], check=False))
    thread.start()
    run = subprocess.run(["python3", "-c", f"import time; time.sleep(1.5)\n{dialler}"], timeout=20)
    thread.join()
    assert run.returncode == 0, "a port that is not the edge's let us in"
    reach = f"import urllib.request; print(urllib.request.urlopen('{registry.ISSUER}.well-known/openid-configuration').status)"
    assert site.run(["python3", "-c", reach], user="pilot1").stdout.strip() == "200"
