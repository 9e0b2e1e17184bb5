"""A provider whose certificate a private authority signed, as at many sites."""

import ssl
import time
from pathlib import Path

import pytest
from hub_config.auth.login_state import SUBJECT
from hub_config.auth.refresh import OBTAINED_AT, Outcome

from tests.fakes.certificates import Authority
from tests.fakes.people_iam import PeopleIam, running
from tests.unit.hub_config.conftest import User, authenticator


@pytest.mark.parametrize("file_is_there", [True, False])
async def test_its_authority_s_file_is_trusted_where_there_is_one(file_is_there: bool, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    pair = authority.server(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    async with running(PeopleIam(), context) as iam:
        file = authority.file if file_is_there else tmp_path / "absent.pem"
        info = iam.claims("mario")
        response = {**iam.grant("mario"), OBTAINED_AT: time.time() - 1000}
        mario = User("mario", state={"token_response": response, "oauth_user": info, SUBJECT: info["sub"], **response})
        look = await authenticator(issuer=iam.url, ca_file=str(file)).look(mario)
    assert bool(iam.token_requests) is file_is_there
    assert look.outcome is Outcome.VALID  # a provider that can't be asked ends no login
