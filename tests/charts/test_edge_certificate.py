"""The certificate that the chart makes carries mutual TLS between the virtual kubelet and interLink, by OpenSSL's strict rules."""

import base64
import ssl
from pathlib import Path

import pytest

from tests.charts.navigation import one
from tests.charts.rendering import VIRTUAL_NODE, Chart, Object, Release, read_values

VALUES = read_values(VIRTUAL_NODE / "ci" / "cluster-schedd-values.yaml")
HOST = "site-one-edge.highrate.svc"


@pytest.fixture(scope="module")
def secret(chart: Chart) -> Object:
    return one(chart.render(VALUES), "Secret")


def test_both_sides_accept_each_other(secret: Object, tmp_path: Path) -> None:
    client, server = _contexts(secret, tmp_path)
    assert _handshake(client, server, HOST)


def test_the_name_is_checked(secret: Object, tmp_path: Path) -> None:
    client, server = _contexts(secret, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        _handshake(client, server, "site-two-edge.highrate.svc")


def test_another_release_is_not_let_in(chart: Chart, secret: Object, tmp_path: Path) -> None:
    stranger, _ = _contexts(one(chart.render(VALUES, Release("stranger")), "Secret"), tmp_path)
    _, server = _contexts(secret, tmp_path)
    stranger.load_verify_locations(cadata=_decoded(secret)["ca.crt"])
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(stranger, server, HOST)


def test_the_authority_s_key_is_kept_nowhere(secret: Object) -> None:
    assert secret["data"].keys() == {"tls.crt", "tls.key", "ca.crt"}
    assert secret["data"]["tls.crt"] != secret["data"]["ca.crt"]


def _decoded(secret: Object) -> dict[str, str]:
    return {name: base64.b64decode(text).decode() for name, text in secret["data"].items()}


def _contexts(secret: Object, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    for name, text in _decoded(secret).items():
        (folder / name).write_text(text)
    contexts = []
    for purpose in (ssl.Purpose.SERVER_AUTH, ssl.Purpose.CLIENT_AUTH):
        context = ssl.create_default_context(purpose, cafile=str(folder / "ca.crt"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        contexts.append(context)
    return contexts[0], contexts[1]


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> bool:
    """Without a network; raises what either side finds wrong."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        waiting = 0
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            return True
    return False
