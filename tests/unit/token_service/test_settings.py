"""Configurations that can't be used, told with every problem and its key; those of the chart are taken as they are."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from service_runtime.settings import SettingsError, load_settings, parse_settings
from token_service.model.settings import Settings

USUAL: dict[str, Any] = {
    "listen": "0.0.0.0:8443",
    "tls": {"cert": "/etc/highrate/tls/tls.crt", "key": "/etc/highrate/tls/tls.key"},
    "metrics": "0.0.0.0:9106",
    "hub": {"url": "http://hub:8081/base/hub/api/", "token_file": "/run/highrate/hub/token"},
    "issuer": {"url": "https://iam.test/", "client_id": "hub", "client_secret_file": "/run/highrate/client/secret"},
    "default_profile": "storage",
    "profiles": {
        "storage": {"description": "Files", "scope": "openid  storage.read:/", "audience": "https://a https://b"}
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    content = yaml.safe_load(yaml.safe_dump(USUAL))
    *above, last = path.split(".")
    section = content
    for key in above:
        section = section.setdefault(key, {})
    section[last] = value
    return dict(content)


def test_what_the_chart_writes_is_taken(tmp_path: Path) -> None:
    (tmp_path / "token-service.yaml").write_text(yaml.safe_dump(USUAL))
    settings = load_settings(Settings, tmp_path / "token-service.yaml")
    assert settings.hub.url == "http://hub:8081/base/hub/api"
    assert settings.profiles["storage"].scope == ("openid", "storage.read:/")
    assert settings.profiles["storage"].audience == ("https://a", "https://b")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("listen", "8443", "listen: "),
        ("listen", "https://0.0.0.0:8443", "listen: "),
        ("metrics", "0.0.0.0", "metrics: "),
        ("tls", None, "tls: "),
        ("hub.url", "hub:8081", "hub.url: "),
        ("hub.url", "http://user:password@hub", "hub.url: "),
        ("hub.token", "secret", "hub.token: unknown key"),
        ("issuer.url", "http://iam.test/", "issuer.url: "),
        ("issuer.ca_file", "/nowhere/ca.crt", "issuer.ca_file: "),
        ("issuer.client_id", "", "issuer.client_id: "),
        ("issuer.client_authentication", "none", "issuer.client_authentication: "),
        ("default_profile", "compute", 'there is no profile "compute" among storage'),
        ("profiles", {}, "profiles: "),
        ("profiles.storage.scope", "", "profiles.storage.scope: "),
        ("profiles.storage.scope", "openid offline_access", "no pod gets"),
        ("profiles.storage.scopes", "openid", "profiles.storage.scopes: unknown key"),
        ("profiles.Storage", {"scope": "a"}, "profiles.Storage"),
        ("profiles", {"storage": {"scope": "a"}, "x\n": {"scope": "a"}}, "profiles.x"),
        ("limits.calls", 0, "limits.calls: "),
        ("limits.per_minute", 0, "limits.per_minute: "),
        ("deadlines.hub", -1, "deadlines.hub: "),
    ],
)
def test_what_is_wrong_is_told_with_its_key(path: str, value: Any, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings(Settings, changed(path, value), "token-service.yaml")
    assert words in str(error.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings(Settings, {"listen": "x", "hub": {"url": "y"}, "profiles": {}}, "token-service.yaml")
    named = {problem.key for problem in error.value.problems}
    assert named == {
        "listen",
        "tls",
        "metrics",
        "hub.url",
        "hub.token_file",
        "issuer",
        "default_profile",
        "profiles",
    }
