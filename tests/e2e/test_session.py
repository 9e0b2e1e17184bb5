"""A session from choosing to stopping: what a person has in it, what stays and what doesn't."""

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from devcluster.hub_address import URL
from devcluster.iam import registry
from playwright.sync_api import Page, expect

from tests.e2e.pages import (
    Person,
    choose,
    new_notebook,
    open_start_page,
    run_cell,
    start,
    stop,
    type_in_terminal,
    wait_for_lab,
)
from tests.e2e.servers import Servers, until

NAME = "anna"
CVMFS = "/cvmfs/unpacked.highrate.test"
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def lab(window: Callable[[str], Page], people: dict[str, Person], servers: Servers) -> Page:
    """JupyterLab of the analysis image, started by choosing it."""
    page = window("session")
    open_start_page(page, people[NAME])
    choose(page, "analysis", cores=2, memory=4)
    start(page)
    return page


@pytest.fixture
def pod(lab: Page, servers: Servers) -> dict[str, Any]:
    found = servers.pod(NAME)
    assert found is not None
    return found


def test_the_pod_is_what_was_chosen_and_has_no_rights(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    assert "jupyterlab-offload" in container["image"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": str(4 * 1024**3)}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert not any("eyJ" in str(variable.get("value")) for variable in container["env"]), "a token in the environment"


def test_a_cell_runs_with_the_analysis_stack(lab: Page) -> None:
    new_notebook(lab)
    assert run_cell(lab, "6 * 7") == "42"
    assert run_cell(lab, "import awkward, uproot, hist, coffea, dask_gateway; print('here')") == "here"


def test_the_terminal_works(lab: Page, servers: Servers) -> None:
    type_in_terminal(lab, "id -u > ~/typed-in-the-terminal")
    until(lambda: "1000" in servers.run(NAME, "cat ~/typed-in-the-terminal || true"), 30, "the terminal's command")


def test_the_image_brings_what_the_guides_promise(lab: Page, servers: Servers) -> None:
    extensions = servers.run(NAME, "jupyter server extension list 2>&1")
    for name in ("jupyterlab", "jupyterlab_git", "jupyter_lsp", "jupyter_resource_usage", "jupyter_server_proxy"):
        assert re.search(rf"^\s+{name} [\d.]+ .*OK", extensions, re.MULTILINE), extensions
    servers.run(NAME, "voms-proxy-init --version; git --version; pylsp --version")
    assert servers.run(NAME, "command -v sudo || echo none").strip() == "none"
    assert "the contract is kept" in servers.run(NAME, f"highrate image check --offload {CVMFS}/*jupyterlab-offload*")


def test_cvmfs_is_there_and_nobody_can_write_to_it(lab: Page, servers: Servers) -> None:
    assert "jupyterlab-offload" in servers.run(NAME, f"ls {CVMFS}")
    said = servers.run(NAME, f"touch {CVMFS}/mine 2>&1 || true")
    assert "Read-only file system" in said


def test_the_token_is_for_storage_valid_and_renewed_before_it_ends(lab: Page, servers: Servers) -> None:
    def token() -> dict[str, Any]:
        body = servers.run(NAME, 'cat "$BEARER_TOKEN_FILE"').split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    until(lambda: "there" in servers.run(NAME, 'test -s "$BEARER_TOKEN_FILE" && echo there || true'), 30, "a token")
    first = token()
    assert set(first["scope"].split()) == {"openid", "profile", "storage.read:/", "storage.modify:/"}
    assert first["iss"] == registry.ISSUER
    assert first["exp"] > time.time()
    assert servers.run(NAME, 'stat -c "%a %T" -f "$BEARER_TOKEN_FILE" | cut -d" " -f2').strip() == "tmpfs"
    assert servers.run(NAME, 'stat -c %a "$BEARER_TOKEN_FILE"').strip() == "600"
    until(lambda: token()["iat"] > first["iat"], first["exp"] - time.time() + 5, "a new token before the old one ends")
    assert time.time() < first["exp"]


def test_what_is_in_the_home_stays_and_what_is_in_scratch_does_not(lab: Page, servers: Servers) -> None:
    servers.run(NAME, "echo kept > ~/kept; echo gone > /scratch/gone")
    stop(lab)
    until(lambda: servers.pod(NAME) is None, 60, "the stopped server's pod goes")
    lab.goto(f"{URL}hub/spawn")
    expect(lab.locator("input[name=image][value=analysis]")).to_be_checked()  # as chosen the last time
    start(lab)
    assert servers.run(NAME, "cat ~/kept").strip() == "kept"
    assert servers.run(NAME, "ls /scratch") == ""


def test_a_home_says_whose_it_is_and_an_administrator_can_hand_it_over(lab: Page, servers: Servers) -> None:
    first = servers.home_of(NAME)
    assert re.fullmatch("[0-9a-f]{64}", first)
    stop(lab)
    until(lambda: servers.pod(NAME) is None, 60, "the stopped server's pod goes")
    words = (
        "annotate",
        "--overwrite",
        f"--namespace={servers.namespace}",
        "pvc",
        f"claim-{NAME}",
        "highrate/home-of=next",
    )
    servers.kubectl(*words)
    lab.goto(f"{URL}hub/spawn")
    start(lab)
    assert servers.home_of(NAME) == first, "whoever starts next has it"


def test_the_lab_comes_back_after_a_look_at_the_hub(lab: Page) -> None:
    lab.goto(URL)
    wait_for_lab(lab)
