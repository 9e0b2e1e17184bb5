"""A configuration that can't mean what its author wanted is refused, with all its problems at once."""

from typing import Any

import pytest
from oauth2_proxy.model.settings import Settings
from service_runtime.settings import SettingsError, parse_settings

ISSUER: dict[str, Any] = {"issuer": "https://iam.example/", "audiences": ["edge"], "allow": [{"groups": ["/edge"]}]}
GOOD: dict[str, Any] = {
    "listen": "https://0.0.0.0:10443",
    "tls": {"cert": __file__, "key": __file__},
    "upstream": "unix:///run/interlink.sock",
    "issuers": [ISSUER],
}


def problems(**changes: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_settings(Settings, {**GOOD, **changes}, "test")
    return str(caught.value)


def test_a_good_file_has_careful_defaults() -> None:
    settings = parse_settings(Settings, GOOD, "test")
    assert settings.limits.body == 32 * 1024 * 1024
    assert not settings.pass_authorization
    assert settings.issuers[0].groups_claims == ("wlcg.groups", "groups")
    assert not [name for name in settings.issuers[0].algorithms if name.startswith(("HS", "none"))]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"upstraem": "x"}, "upstraem: unknown key"),
        ({"upstream": "ftp://x"}, "upstream: "),
        ({"metrics": "nonsense"}, 'metrics: "nonsense" is no address'),
        ({"upstream": "https://x:1"}, "upstream must be unix or http"),
        ({"listen": "https://x"}, "listen: "),
        ({"tls": None}, "tls with cert and key is required"),
        ({"listen": "unix:///a.sock"}, "tls is given"),
        ({"tls": {"cert": __file__, "key": "/no/such/file"}}, "tls.key: there is no file /no/such/file"),
        ({"listen": "http://0.0.0.0:80", "tls": None}, "allow_plain_http"),
        ({"issuers": []}, "issuers: "),
        ({"issuers": [ISSUER, {**ISSUER, "issuer": "https://iam.example"}]}, "given twice: https://iam.example"),
        ({"issuers": [{**ISSUER, "issuer": "http://iam.example/"}]}, "issuers[0].issuer: "),
        ({"issuers": [{**ISSUER, "issuer": "iam.example"}]}, "issuers[0].issuer: "),
        ({"issuers": [{**ISSUER, "issuer": "https://u:p@iam.example/"}]}, "issuers[0].issuer: "),
        ({"issuers": [{**ISSUER, "keys_url": "http://iam.example/jwk"}]}, "issuers[0].keys_url: "),
        ({"issuers": [{**ISSUER, "algorithms": ["none"]}]}, "issuers[0].algorithms[0]: "),
        ({"issuers": [{**ISSUER, "algorithms": ["HS256"]}]}, "issuers[0].algorithms[0]: "),
        ({"issuers": [{**ISSUER, "algorithms": []}]}, "issuers[0].algorithms: "),
        ({"issuers": [{**ISSUER, "audiences": []}]}, "issuers[0].audiences"),
        ({"issuers": [{**ISSUER, "audiences": [""]}]}, "issuers[0].audiences"),
        ({"issuers": [{**ISSUER, "allow": []}]}, "issuers[0].allow"),
        ({"issuers": [{**ISSUER, "allow": [{}]}]}, "to let in everybody say allow: anyone"),
        ({"issuers": [{**ISSUER, "allow": [{"groups": []}]}]}, "issuers[0].allow"),
        ({"issuers": [{**ISSUER, "allow": [{"groups": None}]}]}, "to let in everybody say allow: anyone"),
        ({"issuers": [{**ISSUER, "clock_skew": -1}]}, "issuers[0].clock_skew: "),
        ({"issuers": [{**ISSUER, "clock_skew": 3600}]}, "issuers[0].clock_skew: "),
        ({"issuers": [{**ISSUER, "ca_file": "/no/such/file"}]}, "issuers[0].ca_file: "),
        ({"issuers": [{k: v for k, v in ISSUER.items() if k != "allow"}]}, "issuers[0].allow: required"),
        ({"issuers": [{k: v for k, v in ISSUER.items() if k != "audiences"}]}, "issuers[0].audiences: required"),
        ({"health_path": "healthz"}, "health_path: "),
        ({"limits": {"body": "many"}}, "limits.body: "),
    ],
)
def test_each_mistake_is_named_with_its_key(changes: dict[str, Any], words: str) -> None:
    assert words in problems(**changes)


def test_all_mistakes_are_told_at_once() -> None:
    text = problems(upstream="x", listen="y", issuers=[{**ISSUER, "clock_skew": "z"}], metricz=1)
    assert [key for key in ("upstream", "listen", "issuers[0].clock_skew", "metricz") if f"- {key}: " not in text] == []


@pytest.mark.parametrize(
    "listen", ["unix:///a.sock", "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:1"]
)
def test_plain_listening_is_fine_where_nobody_else_listens_in(listen: str) -> None:
    assert parse_settings(Settings, {**GOOD, "listen": listen, "tls": None}, "test").listen == listen


def test_sizes_may_be_written_with_units() -> None:
    assert parse_settings(Settings, {**GOOD, "limits": {"body": "64MiB"}}, "test").limits.body == 1 << 26
