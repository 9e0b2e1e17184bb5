"""A provider whose certificate a private authority signed, as at many sites, or one of those that every system trusts."""

import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hub_config.auth.login_state import SUBJECT
from hub_config.auth.refresh import OBTAINED_AT, Outcome

from tests.fakes.certificates import Authority
from tests.fakes.people_iam import PeopleIam, running
from tests.unit.hub_config.conftest import User, authenticator


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The one that signed the provider's certificate."""
    return Authority.create(tmp_path)


@pytest.fixture
async def iam(authority: Authority, tmp_path: Path) -> AsyncIterator[PeopleIam]:
    pair = authority.server(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    async with running(PeopleIam(), context) as provider:
        yield provider


async def renewed(iam: PeopleIam, it: object) -> bool:
    """Whether the provider was asked for a fresh token."""
    info = iam.claims("mario")
    response = {**iam.grant("mario"), OBTAINED_AT: time.time() - 1000}
    mario = User("mario", state={"token_response": response, "oauth_user": info, SUBJECT: info["sub"], **response})
    before = len(iam.token_requests)
    look = await it.look(mario)  # type: ignore[attr-defined]
    assert look.outcome is Outcome.VALID  # a provider that can't be asked ends no login
    return len(iam.token_requests) > before


@pytest.mark.parametrize("file_is_there", [True, False])
async def test_its_authority_s_file_is_trusted_where_there_is_one(
    file_is_there: bool, iam: PeopleIam, authority: Authority, tmp_path: Path
) -> None:
    file = authority.file if file_is_there else tmp_path / "absent.pem"
    assert await renewed(iam, authenticator(issuer=iam.url, ca_file=str(file))) is file_is_there


async def test_the_system_s_authorities_are_trusted_beside_a_file_of_others(
    iam: PeopleIam, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # without a newline at its end: what follows must not be glued to it
    monkeypatch.setenv("SSL_CERT_FILE", str(stripped(authority.file)))
    others = Authority.create(tmp_path, "others")
    assert await renewed(iam, authenticator(issuer=iam.url, ca_file=str(others.file)))


async def test_a_file_that_was_replaced_counts_for_the_next_request(
    iam: PeopleIam, authority: Authority, tmp_path: Path
) -> None:
    mounted = tmp_path / "ca.crt"
    it = authenticator(issuer=iam.url, ca_file=str(mounted))
    mounted.write_bytes(Authority.create(tmp_path, "former").file.read_bytes())
    assert not await renewed(iam, it)
    mounted.write_bytes(authority.file.read_bytes())
    assert await renewed(iam, it)


async def test_what_one_file_said_is_never_read_from_the_path_of_another(
    iam: PeopleIam, authority: Authority, tmp_path: Path
) -> None:
    """libcurl keeps what it read of a path for a day."""
    mounted = tmp_path / "ca.crt"
    it = authenticator(issuer=iam.url, ca_file=str(mounted))
    told = []
    for each in (authority, Authority.create(tmp_path, "successor"), authority):
        mounted.write_bytes(each.file.read_bytes())
        told.append(it._authorities()["ca_certs"])
    assert told[0] != told[1]
    assert told[0] == told[2]


def stripped(file: Path) -> Path:
    file.write_bytes(file.read_bytes().rstrip())
    return file
