"""Where metrics are served is checked with all other settings, not when the port is opened."""

import pytest
from service_runtime.metrics import metrics_address


@pytest.mark.parametrize("text", ["127.0.0.1:0", "0.0.0.0:9101", "localhost:80", "[::1]:9101"])
def test_a_host_and_a_port(text: str) -> None:
    assert metrics_address(text) == text


@pytest.mark.parametrize(
    "text", ["", "nonsense", ":9101", "9101", "host:", "host:port", "host:99999", "http://host:1", "unix:///x", "h:1/x"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="use host:port"):
        metrics_address(text)
