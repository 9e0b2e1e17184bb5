"""Listening, certificates that change, deadlines: over real sockets."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from service_runtime import tls
from service_runtime.http_client import Deadlines, HttpClient, client_ssl_context
from service_runtime.listen import Listen, serve_app, warn_of_strangers
from service_runtime.metrics import serve_observability
from service_runtime.tls import TlsFiles
from structlog.testing import capture_logs

from tests.fakes.certificates import Authority


def hello_app() -> web.Application:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {(await request.read()).decode()}")

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/", hello)
    app.router.add_get("/slow", slow)
    return app


def write_certificate(folder: Path, serial: int) -> TlsFiles:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), serial, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "tls.crt", folder / "tls.key"
    cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return TlsFiles(cert=cert, key=secret)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_unix_socket_is_served_with_bodies_on_every_method(tmp_path: Path, method: str) -> None:
    listen = Listen.parse(f"unix://{tmp_path}/s.sock")
    async with serve_app(hello_app(), listen), HttpClient(str(listen)) as client:
        async with client.request(method, "/", data=b"body") as response:
            assert await response.text() == f"{method} body"
    assert not (tmp_path / "s.sock").exists()


async def test_a_socket_left_by_a_killed_process_is_replaced_and_one_in_use_is_not(tmp_path: Path) -> None:
    listen = Listen.parse(f"unix://{tmp_path}/s.sock")
    server = await asyncio.start_unix_server(lambda _r, w: w.close(), tmp_path / "s.sock")
    with pytest.raises(OSError, match="in use"):
        async with serve_app(hello_app(), listen):
            pass
    server.close()
    await server.wait_closed()
    (tmp_path / "s.sock").unlink(missing_ok=True)
    stale = await asyncio.start_unix_server(lambda _r, w: w.close(), tmp_path / "other.sock")
    (tmp_path / "other.sock").rename(tmp_path / "s.sock")
    stale.close()
    async with (
        serve_app(hello_app(), listen),
        HttpClient(str(listen)) as client,
        client.request("GET", "/") as response,
    ):
        assert response.status == 200


async def test_a_replaced_certificate_is_served_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls.keep_certificate_fresh.__wrapped__, "__defaults__", (True, 0.05))  # type: ignore[attr-defined]
    files = write_certificate(tmp_path, 1001)

    async def served_serial(port: int) -> int:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(der).serial_number

    async with serve_app(hello_app(), Listen.parse("https://127.0.0.1:0"), files) as bound:
        assert bound is not None
        assert await served_serial(bound[1]) == 1001
        write_certificate(tmp_path, 1002)
        async with asyncio.timeout(10):
            while await served_serial(bound[1]) != 1002:
                await asyncio.sleep(0.05)


async def test_a_server_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, 1)
    async with serve_app(hello_app(), Listen.parse("https://127.0.0.1:0"), files) as bound:
        assert bound is not None
        async with HttpClient(f"https://localhost:{bound[1]}") as client:
            with pytest.raises(aiohttp.ClientConnectorError):
                async with client.request("GET", "/"):
                    pass
        async with HttpClient(f"https://localhost:{bound[1]}", ssl_context=client_ssl_context(files.cert)) as client:
            async with client.request("GET", "/") as response:
                assert response.status == 200


async def test_a_silent_server_ends_in_a_time_out() -> None:
    async with serve_app(hello_app(), Listen.parse("http://127.0.0.1:0"), drain_seconds=0.1) as bound:
        assert bound is not None
        async with HttpClient(f"http://127.0.0.1:{bound[1]}", deadlines=Deadlines(1, 0.2, 0.5)) as client:
            with pytest.raises(TimeoutError):
                async with client.request("GET", "/slow"):
                    pass


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://x", "no address"),
        ("http://host", "host and a port"),
        ("unix://relative", "absolute"),
        ("http://h:1/p", "nothing more"),
    ],
)
def test_an_address_without_sense_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Listen.parse(url)


async def test_readiness_tells_its_reason_and_metrics_are_served() -> None:
    reasons: list[str | None] = ["the token has expired", None]
    async with serve_observability("127.0.0.1:0", lambda: reasons.pop(0)) as bound:
        assert bound is not None
        async with HttpClient(f"http://127.0.0.1:{bound[1]}") as client:
            async with client.request("GET", "/readyz") as response:
                assert (response.status, await response.text()) == (503, "the token has expired\n")
            async with client.request("GET", "/readyz") as response:
                assert response.status == 200
            async with client.request("GET", "/metrics") as response:
                assert "python_info" in await response.text()


async def test_a_replaced_authority_of_clients_is_trusted_without_a_restart_and_the_old_one_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls.keep_certificate_fresh.__wrapped__, "__defaults__", (True, 0.05))  # type: ignore[attr-defined]
    one, two = Authority.create(tmp_path, "one"), Authority.create(tmp_path, "two")
    trusted = tmp_path / "clients.pem"
    files = one.server(tmp_path).model_copy(update={"client_ca": trusted})
    ports: list[int] = []
    shown = {name: who.client(tmp_path, name) for name, who in (("alice", one), ("bob", two))}

    async def seen(name: str) -> str | None:
        """Whom the server sees; None where it takes nobody's word for it."""
        context = client_ssl_context(one.file, shown[name].cert, shown[name].key)
        try:
            async with (
                HttpClient(f"https://localhost:{ports[0]}", ssl_context=context) as client,
                client.request("GET", "/") as response,
            ):
                return await response.text()
        except aiohttp.ClientError:
            return None

    async def until(**expected: str | None) -> None:
        async with asyncio.timeout(20):
            while {name: await seen(name) for name in expected} != expected:
                await asyncio.sleep(0.05)

    app = web.Application()
    app.router.add_get("/", who_is_it)
    async with serve_app(app, Listen.parse("https://localhost:0"), files, require_client=False) as bound:
        assert bound is not None
        ports.append(bound[1])
        await until(alice="nobody", bob="nobody")
        trusted.write_bytes(one.file.read_bytes())
        await until(alice="alice", bob=None)
        trusted.write_bytes(two.file.read_bytes())
        await until(alice=None, bob="bob")


async def who_is_it(request: web.Request) -> web.Response:
    certificate = request.transport.get_extra_info("peercert") if request.transport else None
    names = [value for part in (certificate or {}).get("subject", ()) for key, value in part if key == "commonName"]
    return web.Response(text=names[0] if names else "nobody")


CERTIFICATE = TlsFiles(cert=Path("c"), key=Path("k"))


@pytest.mark.parametrize(
    ("url", "files", "risk"),
    [
        ("unix:///run/s.sock", None, None),
        ("http://127.0.0.1:80", None, None),
        ("http://0.0.0.0:80", None, "reads and changes"),
        ("https://0.0.0.0:443", CERTIFICATE, "no certificate"),
        ("https://0.0.0.0:443", CERTIFICATE.model_copy(update={"client_ca": Path("a")}), None),
    ],
)
def test_a_door_that_is_open_to_strangers_is_told(url: str, files: TlsFiles | None, risk: str | None) -> None:
    with capture_logs() as lines:
        warn_of_strangers(Listen.parse(url), files)
    assert [line["event"] for line in lines] == (["listen.open_to_strangers"] if risk else [])
    assert all(risk in line["risk"] and line["log_level"] == "warning" for line in lines if risk)
