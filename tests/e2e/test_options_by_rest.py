"""What a person's own requests to the hub's REST API may start: what the page offers, and nothing else."""

import json
from typing import Any

import pytest
from devcluster.hub_address import URL
from playwright.sync_api import Page

from tests.e2e.pages import Person, log_in
from tests.e2e.servers import Servers


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"reference": "evil.example.org/x:1"}, "Images may come from"),
        ({"reference": "registry.example.org/x:latest"}, "can be another image tomorrow"),
        ({"reference": "registry.example.org/x:1\n"}, "image"),
        ({"image": "nothing"}, "There is no image"),
        ({"image--unlisted-choice": "evil.example.org/x:1"}, "There is no option"),
        ({"profile": "analysis"}, "There is no option"),
        ({"cores": 64}, "can't be had"),
    ],
    ids=["registry", "moving", "newline", "unknown image", "kubespawner's way", "profile", "too many cores"],
)
def test_what_the_page_does_not_offer_is_refused_with_a_sentence(
    page: Page, people: dict[str, Person], servers: Servers, options: dict[str, Any], sentence: str
) -> None:
    log_in(page, people["anna"], f"{URL}hub/home")
    xsrf = next(c["value"] for c in page.context.cookies(f"{URL}hub/") if c["name"] == "_xsrf" and c["path"] == "/hub/")
    reply = page.request.post(
        f"{URL}hub/api/users/anna/server",
        data=json.dumps(options),
        headers={"X-XSRFToken": xsrf, "Content-Type": "application/json", "Referer": f"{URL}hub/home"},
    )
    assert reply.status == 400, reply.text()
    assert sentence in reply.json()["message"]
    assert servers.pod("anna") is None
