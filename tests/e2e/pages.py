"""What a person does with the platform's pages: log in, choose and start a server, work in JupyterLab."""

import re
from dataclasses import dataclass

from devcluster.hub_address import URL
from devcluster.iam import registry
from playwright.sync_api import Page, expect

START_MS = 120_000
"""A server's start, with a new volume, on a busy machine."""
PROVIDER = re.compile(re.escape(registry.ISSUER))
LAB = re.compile(r"/user/[^/]+/lab")


@dataclass(frozen=True)
class Person:
    name: str
    password: str


def log_in(page: Page, person: Person, where: str = URL) -> None:
    """From the platform's address over the provider's page, wherever that leads."""
    page.goto(where)
    if PROVIDER.match(page.url):
        page.fill("input[name=username]", person.name)
        page.fill("input[name=password]", person.password)
        page.get_by_role("button").click()
        page.wait_for_url(re.compile(re.escape(URL)))


def open_start_page(page: Page, person: Person) -> None:
    """Log in and get to where a server is started; one that runs from before is stopped."""
    log_in(page, person, f"{URL}hub/home")
    stop(page)
    page.goto(f"{URL}hub/spawn")


def stop(page: Page) -> None:
    """On the hub's home page: stop the server if there is one."""
    page.goto(f"{URL}hub/home")
    button = page.locator("#stop")
    if button.is_visible():
        button.click()
        expect(button).to_be_hidden(timeout=START_MS)


def choose(page: Page, image: str, cores: int, memory: int) -> None:
    """On the page that starts a server; the radio buttons lie under their cards."""
    page.locator(f"input[name=image][value='{image}']").check(force=True)
    page.locator(f"input[name=cores][value='{cores}']").check(force=True)
    page.locator(f"input[name=memory][value='{memory}']").check(force=True)


def start(page: Page) -> None:
    """Press Start and wait until JupyterLab is there, without what an earlier session left open in it."""
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for_lab(page)
    page.goto(f"{page.url.partition('?')[0]}?reset")
    wait_for_lab(page)


def wait_for_lab(page: Page) -> None:
    page.wait_for_url(LAB, timeout=START_MS)
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=START_MS)


def launch(page: Page, category: str, title: str) -> None:
    """Press a card of the launcher, which is opened if it isn't in front."""
    card = page.locator(f".jp-LauncherCard[data-category='{category}'][title*='{title}']:visible").first
    if not card.is_visible():
        page.get_by_title("New Launcher").first.click()
    card.click()


def new_notebook(page: Page) -> None:
    launch(page, "Notebook", "Python 3")
    expect(page.locator(".jp-Notebook:visible .jp-Cell .cm-content").first).to_be_visible()
    # the status bar: the indicator beside the kernel's name says idle before there is a kernel, and a cell run then is lost
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=START_MS)


def run_cell(page: Page, code: str, patience_ms: int = START_MS) -> str:
    """Run code in the last cell of the notebook in front; the text of its output."""
    cells = page.locator(".jp-Notebook:visible .jp-CodeCell")
    cell = cells.nth(cells.count() - 1)
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    output = cell.locator(".jp-OutputArea-output").first
    expect(output).to_be_visible(timeout=patience_ms)
    return output.inner_text().strip()


def type_in_terminal(page: Page, line: str) -> None:
    launch(page, "Other", "terminal")
    terminal = page.locator(".jp-Terminal:visible .xterm-helper-textarea")
    expect(page.locator(".jp-Terminal:visible .xterm-screen")).to_be_visible()
    terminal.press_sequentially(line + "\n")
