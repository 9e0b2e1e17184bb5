"""Who gets in, and how they leave."""

from devcluster.hub_address import URL
from devcluster.iam import registry
from playwright.sync_api import Page, expect

from tests.e2e.pages import PROVIDER, Person, log_in


def test_a_member_lands_on_the_page_that_starts_a_server(page: Page, anna: Person) -> None:
    log_in(page, anna)
    expect(page.get_by_role("heading", name="Start a server")).to_be_visible()
    expect(page.locator("#highrate-images")).to_contain_text("JupyterLab")


def test_somebody_in_no_group_is_told_which_one_to_ask_for(page: Page, people: dict[str, Person]) -> None:
    log_in(page, people["luigi"])
    refusal = page.locator("#highrate-refused")
    expect(refusal).to_contain_text("luigi")
    expect(refusal).to_contain_text(registry.EXPERIMENT)
    expect(page.get_by_role("link", name="Ask for membership")).to_have_attribute("href", registry.ISSUER)
    page.goto(f"{URL}hub/home")
    assert PROVIDER.match(page.url) or page.locator("#highrate-refused").is_visible(), "is in all the same"


def test_a_wrong_password_stays_with_the_provider(page: Page, people: dict[str, Person]) -> None:
    log_in_page = Person("anna", "wrong")
    page.goto(URL)
    page.fill("input[name=username]", log_in_page.name)
    page.fill("input[name=password]", log_in_page.password)
    page.get_by_role("button").click()
    expect(page.get_by_text("Wrong user name or password")).to_be_visible()
    assert PROVIDER.match(page.url)


def test_after_logout_the_address_asks_for_a_login_again(page: Page, people: dict[str, Person]) -> None:
    log_in(page, people["anna"], f"{URL}hub/home")
    expect(page.get_by_text("anna")).to_be_visible()
    page.goto(f"{URL}hub/logout")
    expect(page.get_by_text("You are signed out")).to_be_visible()
    assert PROVIDER.match(page.url)
    page.goto(f"{URL}hub/home")
    expect(page.locator("input[name=password]")).to_be_visible()
