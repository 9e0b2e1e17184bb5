"""A link that somebody passes on: it chooses on the page that starts a server, and starts nothing by itself."""

from devcluster.hub_address import URL
from playwright.sync_api import Page, expect

from tests.e2e.pages import Person, log_in
from tests.e2e.servers import Servers


def test_a_link_chooses_and_starts_nothing(page: Page, anna: Person, servers: Servers) -> None:
    log_in(page, anna, f"{URL}hub/spawn?image=analysis&cores=4&memory=8")
    expect(page.locator("input[name=image][value=analysis]")).to_be_checked()
    expect(page.locator("input[name=cores][value='4']")).to_be_checked()
    expect(page.locator("input[name=memory][value='8']")).to_be_checked()
    assert servers.pod("anna") is None
