"""What a person's own requests to the hub's REST API may start: what the page offers, and nothing else."""

from typing import Any

import pytest
from devcluster.hub_address import URL
from playwright.sync_api import Page

from tests.e2e.pages import Person, log_in
from tests.e2e.servers import Servers

POST = """async ([path, body]) => {
  const xsrf = document.cookie.match("(?:^|; )_xsrf=([^;]*)")[1];
  const headers = {"X-XSRFToken": xsrf, "Content-Type": "application/json"};
  const reply = await fetch("/" + path, {method: "POST", headers, body: JSON.stringify(body)});
  return [reply.status, (await reply.json()).message];
}"""
"""As a page of the hub asks: with its cookies and its token against forged requests."""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"reference": "evil.example.org/x:1"}, "Images may come from"),
        ({"reference": "localhost/highrate/jupyterlab:latest"}, "can be another image tomorrow"),
        ({"reference": "localhost/highrate/jupyterlab:1\n"}, "no image reference"),
        ({"image": "nothing"}, "There is no image"),
        ({"image--unlisted-choice": "evil.example.org/x:1"}, "There is no option"),
        ({"profile": "analysis"}, "There is no option"),
        ({"cores": 64}, "can't be had"),
    ],
    ids=["registry", "moving", "newline", "unknown image", "kubespawner's way", "profile", "too many cores"],
)
def test_what_the_page_does_not_offer_is_refused_with_a_sentence(
    page: Page, anna: Person, servers: Servers, options: dict[str, Any], sentence: str
) -> None:
    log_in(page, anna, f"{URL}hub/home")
    status, message = page.evaluate(POST, ["hub/api/users/anna/server", options])
    assert status == 400, message
    assert sentence in message
    assert servers.pod("anna") is None
