"""The hub as the provider's client: its secret, which is replaced now and then, and what happens to people if it is refused."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hub_config import configure
from hub_config.auth.provider import Misconfigured
from hub_config.configured_login import OPTIONAL_CA_FILE
from hub_config.settings import ConfigurationError
from tornado import web

from tests.fakes.certificates import Authority
from tests.fakes.people_iam import PeopleIam, running
from tests.unit.hub_config.conftest import authenticator, values, z2jh
from tests.unit.hub_config.test_gate import login
from tests.unit.hub_config.test_logins_are_renewed import grow_older, logged_in, make


@pytest.fixture
async def iam() -> AsyncIterator[PeopleIam]:
    async with running(PeopleIam()) as provider:
        yield provider


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "client-secret"
    file.write_text("the secret\n")
    return file


def by_file(file: Path) -> dict[str, Any]:
    return {"client_secret": "", "client_secret_file": str(file)}


@pytest.mark.parametrize("basic", [True, False])
async def test_a_secret_that_was_replaced_is_the_one_of_the_next_request(
    iam: PeopleIam, secret: Path, basic: bool
) -> None:
    it, user = make(iam, basic_auth=basic, **by_file(secret)), logged_in(iam, age=1000)
    for known in ("the secret", "its successor"):
        secret.write_text(f"{known}\n")
        assert await it.refresh_user(user)
        assert (iam.basic[1] if iam.basic else iam.token_requests[-1]["client_secret"]) == known
        grow_older(user, 1000)


@pytest.mark.parametrize("text", [None, "", " \n", b"\xff"], ids=["missing", "empty", "blank", "no text"])
async def test_a_secret_that_cannot_be_read_is_the_platforms_fault_and_not_the_providers(
    iam: PeopleIam, secret: Path, text: str | bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    it, user = make(iam, **by_file(secret)), logged_in(iam, age=1000)
    secret.unlink()
    if text is not None:
        secret.write_bytes(text if isinstance(text, bytes) else text.encode())
    it.log.propagate = True
    assert await it.refresh_user(user), "nobody is logged out"
    assert f"IAMAuthenticator.client_secret_file: {secret}" in caplog.text
    with pytest.raises(Misconfigured, match="client_secret_file"):
        _ = it.client_secret
    with pytest.raises(web.HTTPError, match="administrators to mend") as refused:
        await login(iam, **by_file(secret))
    assert refused.value.status_code == 503
    assert iam.token_requests == []


@pytest.mark.parametrize("text", [None, "", b"\xff"], ids=["missing", "empty", "no text"])
def test_a_secret_that_cannot_be_read_stops_the_start(secret: Path, text: str | bytes | None) -> None:
    secret.unlink()
    if text is not None:
        secret.write_bytes(text if isinstance(text, bytes) else text.encode())
    (told,) = problems(**by_file(secret))
    assert told.startswith(f"hub.config.IAMAuthenticator.client_secret_file: {secret} ")


def problems(**traits: Any) -> list[str]:
    c = z2jh()
    c.IAMAuthenticator.update(traits)
    try:
        configure(c, values())
    except ConfigurationError as error:
        return list(error.problems)
    return []


def test_authorities_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    cut = tmp_path / "cut.crt"
    cut.write_text("-----BEGIN CERTIFICATE-----\n")
    for file, why in ((tmp_path / "absent", "No such file"), (cut, "no certificates in PEM"), (tmp_path, "directory")):
        (told,) = problems(ca_file=str(file))
        assert told.startswith(f"hub.config.IAMAuthenticator.ca_file: {file} can't be read (")
        assert why in told
    assert problems(ca_file=str(Authority.create(tmp_path).file)) == []


def test_the_file_that_the_chart_mounts_where_there_are_authorities_may_be_missing() -> None:
    assert problems(ca_file=OPTIONAL_CA_FILE) == []


@pytest.mark.parametrize(
    ("becomes", "why"),
    [(Path.mkdir, "Is a directory"), (Path.touch, "no certificates in PEM")],
    ids=["folder", "empty"],
)
async def test_authorities_that_cannot_be_read_any_more_are_not_a_provider_that_is_away(
    iam: PeopleIam, tmp_path: Path, becomes: Callable[[Path], None], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = Authority.create(tmp_path).file
    it, user = make(iam, ca_file=str(file)), logged_in(iam, age=1000)
    file.unlink()
    becomes(file)
    it.log.propagate = True
    assert await it.refresh_user(user)
    assert f"IAMAuthenticator.ca_file: {file} can't be read ({why})" in caplog.text


def test_a_secret_that_is_set_needs_no_file() -> None:
    assert authenticator(client_secret="set").client_secret == "set"


@pytest.mark.parametrize("mode", ["refuse the client", "disable the client"])
async def test_a_client_that_is_refused_logs_nobody_out(
    iam: PeopleIam, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    it, user = make(iam), logged_in(iam, age=1000)
    iam.token_mode = mode
    it.log.propagate = True
    assert await it.refresh_user(user)
    assert await it.keeps_server(user)
    (told,) = [record for record in caplog.records if "can't be renewed now" in record.getMessage()]
    assert told.levelname == "ERROR"
    assert "refuses the platform's own client" in told.getMessage()
    assert "check client_id, the secret in client_secret_file" in told.getMessage()
    iam.token_mode = "ok"
    grow_older(user, 1000)
    assert await it.refresh_user(user), "the refresh token was kept"


@pytest.mark.parametrize("mode", ["refuse the client", "disable the client"])
async def test_a_login_meanwhile_is_told_that_it_is_not_the_persons_fault(iam: PeopleIam, mode: Any) -> None:
    iam.token_mode = mode
    with pytest.raises(web.HTTPError, match="administrators to mend") as refused:
        await login(iam)
    assert refused.value.status_code == 503
