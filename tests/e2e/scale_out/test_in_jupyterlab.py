"""Clusters without typing: the notebook that the image brings, the dashboard, and the Dask side panel."""

import re

import pytest
from devcluster.hub_address import URL
from devcluster.way_in import NOTEBOOK
from playwright.sync_api import Locator, Page, expect

from tests.e2e.pages import START_MS, wait_for_lab
from tests.e2e.scale_out.conftest import PATIENCE, PERSON, Clusters
from tests.e2e.servers import Servers, until

RUN_MS = PATIENCE * 1000
pytestmark = pytest.mark.timeout(600)


def test_the_notebook_runs_from_top_to_bottom(lab: Page, clusters: Clusters) -> None:
    lab.goto(f"{URL}user/{PERSON}/lab/tree/{NOTEBOOK}?reset")
    wait_for_lab(lab)
    expect(lab.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=START_MS)
    lab.get_by_role("menuitem", name="Run", exact=True).click()
    lab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    until(lambda: bool(clusters.jobs()), PATIENCE, "its workers are jobs")
    numbers = lab.locator(".jp-Notebook:visible .jp-CodeCell .jp-InputPrompt")
    expect(numbers.last).to_have_text(re.compile(r"\[\d+\]:"), timeout=RUN_MS)
    expect(lab.locator(".jp-Notebook:visible [data-mime-type='application/vnd.jupyter.error']")).to_have_count(0)
    outputs = lab.locator(".jp-Notebook:visible .jp-OutputArea-output")
    expect(outputs.filter(has_text="dask-worker-").last).to_be_visible()
    lab.screenshot(path=clusters.pictures / "dask-notebook.png")


def test_the_side_panel_makes_scales_and_ends_a_cluster(lab: Page, clusters: Clusters) -> None:
    lab.locator(".jp-SideBar [data-id='dask-dashboard-launcher']").click()
    lab.locator("[data-command='dask:launch-cluster']").click()
    made = lab.locator(".dask-ClusterListingItem")
    expect(made).to_contain_text("offload://", timeout=RUN_MS)
    made.get_by_role("button", name="SCALE").click()
    dialog = lab.locator(".jp-Dialog-content")
    dialog.locator(".dask-ScalingInput").first.fill("1")
    dialog.get_by_role("button", name="SCALE").click()
    until(lambda: len(clusters.jobs()) == 1, PATIENCE, "a worker is asked for")
    expect(made).to_contain_text("Number of Workers: 1", timeout=RUN_MS)
    _dashboard_is_open_to_nobody_else(lab, made, clusters)
    made.get_by_role("button", name="SHUTDOWN").click()
    expect(made).to_have_count(0, timeout=RUN_MS)


def _dashboard_is_open_to_nobody_else(lab: Page, made: Locator, clusters: Clusters) -> None:
    address = made.locator("a").get_attribute("href") or ""
    context = lab.context
    page = context.new_page()
    page.goto(f"{URL.rstrip('/')}{address}")
    expect(page).to_have_title(re.compile("Dask: Status"), timeout=RUN_MS)
    expect(page.locator(".bk-Figure, .bk-root, canvas").first).to_be_visible()
    page.screenshot(path=clusters.pictures / "dask-dashboard.png")
    page.close()
    browser = context.browser
    assert browser is not None
    stranger = browser.new_context()
    elsewhere = stranger.new_page()
    elsewhere.goto(f"{URL.rstrip('/')}{address}")
    expect(elsewhere).not_to_have_title(re.compile("Dask"))
    stranger.close()


def test_the_doctor_finds_nothing_wrong(lab: Page, servers: Servers) -> None:
    said = servers.run(PERSON, "highrate doctor")
    assert re.search(r"^ok +relay +2 of 2 members answer$", said, re.MULTILINE), said
    assert re.search(r"^0 wrong", said, re.MULTILINE), said


def test_a_connection_that_broke_breaks_no_other_with_the_images_own_python(lab: Page, servers: Servers) -> None:
    """Most Pythons leave nothing in OpenSSL's queue; the one of the image does."""
    assert servers.run(PERSON, f"python - <<'END'\n{QUEUE}\nEND").split() == ["BrokenPipeError", "SSLWantReadError"]


QUEUE = """
import socket, ssl
from distributed import Security
from highrate.relay import openssl_errors
security = Security.temporary()
def pair():
    ends = []
    for sock, role in zip(socket.socketpair(), ("listen", "connection")):
        sock.setblocking(False)
        context = getattr(security, f"get_{role}_args")("scheduler")["ssl_context"]
        ends.append(context.wrap_socket(sock, server_side=role == "listen", do_handshake_on_connect=False))
    waiting = list(ends)
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
    return ends
well, broken = pair(), pair()
broken[0].close()
for what in (lambda: [broken[1].send(b"x") for _ in range(3)], lambda: (openssl_errors.clear(), well[1].recv(1))):
    try:
        what()
    except OSError as error:
        print(type(error).__name__)
"""
