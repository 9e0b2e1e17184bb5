"""Clusters without typing: the notebook that the image brings, the dashboard, and the Dask side panel."""

import re

import pytest
from devcluster.hub_address import URL
from devcluster.way_in import NOTEBOOK
from playwright.sync_api import Locator, Page, expect

from tests.e2e.pages import PROVIDER, START_MS, wait_for_lab
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
    _the_session_leads_nowhere_else(lab, made)
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
    expect(elsewhere).to_have_url(PROVIDER, timeout=START_MS)
    stranger.close()


def _the_session_leads_nowhere_else(lab: Page, made: Locator) -> None:
    """What the gateway has beside the user's own dashboards would be shown in the session's name."""
    address = made.locator("a").get_attribute("href") or ""
    own = re.search(r"/clusters/[^/]+/", address)
    assert own is not None, address
    page = lab.context.new_page()
    for other in ("/clusters/0123456789abcdef0123456789abcdef/", "/api/v1/clusters/"):
        answer = page.goto(f"{URL.rstrip('/')}{address.replace(own[0], other)}")
        assert answer is not None and answer.status == 403
    page.close()


def test_the_doctor_finds_nothing_wrong(lab: Page, servers: Servers) -> None:
    said = servers.run(PERSON, "highrate doctor")
    assert re.search(r"^ok +relay +2 of 2 members answer$", said, re.MULTILINE), said
    assert re.search(r"^0 wrong", said, re.MULTILINE), said


@pytest.mark.parametrize(
    ("mended", "ends"), [(True, "hello"), (False, "StreamClosedError")], ids=["ours", "python's own"]
)
def test_a_connection_that_broke_breaks_no_other(mended: bool, ends: str, lab: Page, servers: Servers) -> None:
    """With the image's Python, which leaves errors in OpenSSL's queue; where it no longer does, what mends it can go."""
    assert servers.run(PERSON, f"python - {'mended' if mended else ''} <<'END'\n{QUEUE}\nEND").split() == [ends]


QUEUE = """
import asyncio, socket, sys
from distributed import Security
from tornado.iostream import SSLIOStream, StreamClosedError
if sys.argv[1:] == ["mended"]:
    from highrate.relay import openssl_errors
    openssl_errors.contain()
security = Security.temporary()
async def connected():
    ends = []
    for sock, role in zip(socket.socketpair(), ("listen", "connection")):
        sock.setblocking(False)
        context = getattr(security, f"get_{role}_args")("scheduler")["ssl_context"]
        wrapped = context.wrap_socket(sock, server_side=role == "listen", do_handshake_on_connect=False)
        ends.append(SSLIOStream(wrapped, ssl_options=context))
    await asyncio.gather(*(end.wait_for_handshake() for end in ends))
    return ends
async def main():
    well, breaking = await connected(), await connected()
    breaking[0].close()
    try:
        for _ in range(100):
            await breaking[1].write(b"to nobody")
    except StreamClosedError:
        pass
    try:
        reading = asyncio.ensure_future(well[0].read_bytes(5))
        await well[1].write(b"hello")
        print((await asyncio.wait_for(reading, 10)).decode())
    except StreamClosedError as error:
        print(type(error).__name__)
asyncio.run(main())
"""
