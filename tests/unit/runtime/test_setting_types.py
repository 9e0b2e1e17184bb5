"""A bad address is told with all other problems of the settings, not when a port is opened or a call is made."""

import pytest
from pydantic import TypeAdapter, ValidationError
from service_runtime.setting_types import BaseUrl, HostPort, HttpUrl, ListenUrl, TrustedUrl, Words

HOST_PORT, LISTEN, HTTP, TRUSTED, BASE, WORDS = (
    TypeAdapter[object](kind) for kind in (HostPort, ListenUrl, HttpUrl, TrustedUrl, BaseUrl, Words)
)


@pytest.mark.parametrize(
    ("kind", "written", "taken"),
    [
        *((HOST_PORT, text, text) for text in ("127.0.0.1:0", "0.0.0.0:9101", "localhost:80", "[::1]:9101")),
        *((LISTEN, text, text) for text in ("unix:///run/x.sock", "http://127.0.0.1:1", "https://[::]:8443")),
        (HTTP, "http://hub:8081/hub/api/", "http://hub:8081/hub/api"),
        (TRUSTED, "https://iam.example.org/", "https://iam.example.org/"),
        (TRUSTED, "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (BASE, "https://hub.example.org/relay/", "https://hub.example.org/relay"),
        (WORDS, "openid  profile", ("openid", "profile")),
        (WORDS, ["openid", "profile"], ("openid", "profile")),
    ],
)
def test_good_values(kind: TypeAdapter[object], written: object, taken: object) -> None:
    assert kind.validate_python(written) == taken


NO_HOST_PORT = ("", "nonsense", ":9101", "9101", "host:", "host:port", "host:99999", "http://h:1", "unix:///x", "h:1/x")


@pytest.mark.parametrize(
    ("kind", "written", "words"),
    [
        *((HOST_PORT, text, "use host:port") for text in NO_HOST_PORT),
        (LISTEN, "host:80", "use unix:///path"),
        (LISTEN, "https://host", "needs a host and a port"),
        (HTTP, "hub:8081", "use http://host:port/path"),
        (HTTP, "http://name@hub:8081", "use http://host:port/path"),
        (TRUSTED, "http://iam.example.org", "must be https"),
        (BASE, "http://hub.example.org", "must be https"),
        (BASE, "https://hub.example.org/?a=b", "has a query"),
        (WORDS, ["openid", ""], "at least 1 character"),
    ],
)
def test_bad_values(kind: TypeAdapter[object], written: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        kind.validate_python(written)
