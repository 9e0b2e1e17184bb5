"""The browser itself: it finds the platform by name, trusts its authority and nobody else's, and reaches nothing else."""

from pathlib import Path

import pytest
from devcluster.addresses import IAM_NAME
from devcluster.iam import registry
from devcluster.pki import Authority
from playwright.sync_api import Error, Page

from tests.cluster.conftest import Platform
from tests.e2e.strangers import server_of


def test_a_page_of_the_provider_opens_under_its_name(page: Page) -> None:
    reply = page.goto(f"{registry.ISSUER}.well-known/openid-configuration")
    assert reply is not None
    assert reply.json()["issuer"] == registry.ISSUER
    assert (details := reply.security_details()) is not None
    assert details["subjectName"] == IAM_NAME


def test_a_certificate_of_another_authority_is_refused(page: Page, platform: Platform, tmp_path: Path) -> None:
    with server_of(Authority(tmp_path / "pki")) as address, pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        page.goto(address)
    # the same server with the platform's authority: it was the certificate and nothing else
    with server_of(Authority(platform.checkout.pki)) as address:
        reply = page.goto(address)
    assert reply is not None
    assert reply.text() == "hello"


def test_the_world_outside_is_not_there(page: Page) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("https://example.org/")
