"""The proxy as a process of its own: it needs one secret, and none of the gateway's others has to be where it runs."""

from pathlib import Path

import pytest
from offload_backend.app.gateway_config import proxy_config
from service_runtime.settings import SettingsError

from tests.unit.offload_backend.facts import settings

GATEWAY = "http://gateway:8001"


def test_it_reads_its_token_and_no_other_file(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("what the gateway knows\n")
    given = settings(proxy={"external": True, "token_file": str(token), "gateway_url": GATEWAY, "prefix": ""})
    assert not given.database.key_file.exists() and not given.hub.token_file.exists()
    config = proxy_config(given)
    assert config.Proxy.api_token == "what the gateway knows"
    assert config.Proxy.gateway_url == GATEWAY


def test_a_token_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = {"external": True, "token_file": str(tmp_path / "token"), "gateway_url": GATEWAY}
    with pytest.raises(SettingsError, match=r"proxy\.token_file.* can't be read"):
        proxy_config(settings(proxy=missing))


def test_it_must_know_where_the_gateway_is() -> None:
    with pytest.raises(SettingsError, match="needs token_file and gateway_url"):
        proxy_config(settings())
