"""Somebody leaves the experiment: their server doesn't go on, and they are told why at the door."""

import pytest
from devcluster.hub_address import URL
from devcluster.iam import registry
from playwright.sync_api import Page, expect

from tests.cluster.conftest import Platform
from tests.e2e.pages import PROVIDER, Person, choose, log_in, open_start_page, start
from tests.e2e.servers import Servers, until


@pytest.mark.timeout(500)
def test_the_server_is_stopped_and_the_next_login_is_refused(
    page: Page, people: dict[str, Person], servers: Servers, platform: Platform
) -> None:
    open_start_page(page, people["anna"])
    choose(page, "jupyterlab", cores=1, memory=2)
    start(page)
    with platform.site.with_groups("anna"):
        until(lambda: servers.pod("anna") is None, 300, "the server is stopped")
        page.goto(f"{URL}hub/home")
        if PROVIDER.match(page.url):
            log_in(page, people["anna"])
        expect(page.locator("#highrate-refused")).to_contain_text(registry.EXPERIMENT)
    # the pod is gone before the hub has written it down; a login in between would lead to the server
    log_in(page, people["anna"], f"{URL}hub/home")
    until(lambda: may_start(page), 60, "the hub knows of no server any more")


def may_start(page: Page) -> bool:
    page.goto(f"{URL}hub/home")
    return page.locator("#start").inner_text().startswith("Start")
