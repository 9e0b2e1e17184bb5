"""A real browser on the platform of this checkout. Each test has a window of its own, without anybody's cookies."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from devcluster.platform import Platform as WholePlatform
from devcluster.release_values import NAMESPACE
from playwright.sync_api import Browser, Page, sync_playwright
from xdist.scheduler import LoadScopeScheduling

from devcluster import browser as chromium
from tests.cluster.conftest import Platform, hello, platform, pytest_sessionfinish  # noqa: F401 - fixtures and a hook
from tests.e2e.pages import Person, open_start_page
from tests.e2e.servers import Servers, until

PATIENCE_MS = 90_000
"""What a page may take on a busy machine; nothing waits that long for something that is there."""


@pytest.fixture(scope="session")
def browser(platform: Platform) -> Iterator[Browser]:  # noqa: F811 - a fixture is asked for by its name
    whole = WholePlatform(platform.checkout)
    program = chromium.ensure(whole.checkout, whole.network, whole.cache)
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=program)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def window(browser: Browser, platform: Platform) -> Iterator[Callable[[str], Page]]:  # noqa: F811
    """Opens windows by name; what each shows in the end is kept with the platform's logs, as logs/e2e/NAME.png."""
    opened: dict[str, Page] = {}

    def open_window(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE_MS)
        opened[name] = context.new_page()
        return opened[name]

    yield open_window
    for name, page in opened.items():
        page.screenshot(path=platform.checkout.logs / "e2e" / f"{name}.png")
        page.context.close()


@pytest.fixture
def page(window: Callable[[str], Page], request: pytest.FixtureRequest) -> Page:
    """A window of the test's own."""
    return window(re.sub(r"[^A-Za-z0-9_-]+", "-", request.node.name).strip("-"))


@pytest.fixture(scope="session")
def people(platform: Platform) -> dict[str, Person]:  # noqa: F811
    """Everybody whom the provider knows, by name."""
    return {name: Person(name, password) for name, password in platform.site.secrets.passwords.items()}


@pytest.fixture(scope="module")
def anna(browser: Browser, people: dict[str, Person], servers: Servers) -> Person:
    """A member, who has no server when the module's tests begin."""
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        open_start_page(context.new_page(), people["anna"])
    until(lambda: servers.pod("anna") is None, 60, "the pod of an earlier server goes")
    return people["anna"]


@pytest.fixture(scope="session")
def servers(platform: Platform) -> Servers:  # noqa: F811
    return Servers(WholePlatform(platform.checkout).kubectl, NAMESPACE)


class Lanes(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Two lanes: scale_out/ has mario's server, all else anna's, and a test of one may stop it under another test.

    (`--dist loadgroup` of pytest-xdist 3.8 has no effect with pytest 9.2: it marks a nodeid that its scheduler doesn't see.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return "mario" if "/scale_out/" in nodeid else "anna"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first waits for platform and browser, whose tree may have to be made."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))
