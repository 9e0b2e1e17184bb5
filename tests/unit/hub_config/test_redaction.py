"""A net under the hub's log: what looks like a secret doesn't get into it."""

import logging

import pytest
from hub_config.redaction import install, redacted
from kubernetes_asyncio.client import V1Container, V1EnvVar

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-bmF0dXJl_"
TOKEN = "0123456789abcdef0123456789abcdef"


def refused_pod() -> str:
    """What KubeSpawner prints of a pod that Kubernetes doesn't take."""
    env = [V1EnvVar(name="JUPYTERHUB_API_TOKEN", value=TOKEN), V1EnvVar(name="HOME", value="/home/jovyan")]
    return str(V1Container(name="notebook", env=env).to_str())


@pytest.mark.parametrize(
    "text",
    [
        f"token: {JWT}",
        f"Bearer {JWT},",
        refused_pod(),
        f"'JUPYTERHUB_API_TOKEN': '{TOKEN}'",
        f"JPY_API_TOKEN={TOKEN}",
        "{'refresh_token': 'abcdefgh-ijkl.mnop', 'expires_in': 3600}",
        '{"client_secret": "abcdefgh-ijkl.mnop"}',
        "403 GET /hub/oauth_callback?code=abcdefgh-ijkl.mnop&state=abcdefgh-ijkl.mnop (127.0.0.1)",
    ],
)
def test_secrets_are_cut_out(text: str) -> None:
    clean = redacted(text)
    assert "[redacted]" in clean
    for secret in (JWT, TOKEN, "abcdefgh-ijkl.mnop"):
        assert secret not in clean


@pytest.mark.parametrize(
    "text", ["User logged in: mario", "200 GET /hub/api/users/mario", "sha256:0123456789abcdef", ""]
)
def test_the_rest_stays(text: str) -> None:
    assert redacted(text) == text


def test_it_is_on_the_loggers_that_the_hub_writes_to(caplog: pytest.LogCaptureFixture) -> None:
    install()
    install()
    for name in ("JupyterHub", "tornado.application", "tornado.general"):
        logger = logging.getLogger(name)
        logger.propagate = True
        logger.error("%s came: %d", JWT, 1)
    assert [record.getMessage() for record in caplog.records] == ["[redacted] came: 1"] * 3
