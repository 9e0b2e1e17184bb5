"""`helm upgrade` of a live platform: kernels and offloaded pods run on, and the hub is back before anybody minds."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from devcluster.commands import run
from devcluster.hub_address import URL
from devcluster.platform import Platform as WholePlatform
from devcluster.release_values import NAME as RELEASE
from devcluster.release_values import NAMESPACE
from devcluster.site.layout import ENDPOINTS
from playwright.sync_api import Page, WebSocket, expect

from tests.cluster.conftest import Platform
from tests.e2e.pages import PROVIDER, Person, choose, new_notebook, open_start_page, run_cell, start
from tests.e2e.servers import Servers, until
from tests.e2e.watch import watching

NAME = "mario"
HUB_AWAY_SECONDS, ROUTES_AWAY_SECONDS = 30, 20
"""Twice the budgets: how long it really was is printed, and stands in docs/performance.md."""
SITE = "schedd"
OFFLOADED = "outlives-an-upgrade"
HUB, NODE = "component=hub", f"highrate/site={RELEASE}-{SITE}"
KINDS = (
    *("pods", "deployments", "statefulsets", "services", "persistentvolumeclaims", "poddisruptionbudgets"),
    *("secrets", "configmaps", "serviceaccounts", "roles", "rolebindings", "networkpolicies"),
)
pytestmark = [pytest.mark.timeout(400), pytest.mark.alone]


class Kernel:
    """A notebook whose kernel holds a variable, and the websockets that lead to it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.opened: list[str] = []
        self.lost: list[str] = []
        page.on("websocket", self._watch)
        new_notebook(page)
        assert run_cell(page, "x = 41; x") == "41"
        assert self.opened, "the notebook talks to its kernel over a websocket"

    def _watch(self, socket: WebSocket) -> None:
        if "/channels" in socket.url:
            self.opened.append(socket.url)
            socket.on("close", lambda _: self.lost.append(socket.url))

    def remembers(self) -> bool:
        """What a person runs while the connection is being made again is lost, and they run it again."""
        for _ in range(6):
            with contextlib.suppress(AssertionError):
                return run_cell(self.page, "x + 1", 15_000) == "42"
        return False


@pytest.fixture(scope="module")
def kernel(window: Callable[[str], Page], people: dict[str, Person], servers: Servers) -> Kernel:
    page = window("upgrade")
    open_start_page(page, people[NAME])
    choose(page, "jupyterlab", cores=1, memory=2)
    start(page)
    return Kernel(page)


@pytest.fixture
def offloaded(platform: Platform, hello: str) -> Iterator[Callable[[], str]]:
    """A pod that runs at the site until the test is over: its UID and phase."""
    kubectl = WholePlatform(platform.checkout).kubectl
    spec = {
        "restartPolicy": "Never",
        "nodeSelector": {"kubernetes.io/hostname": ENDPOINTS[SITE].node_name},
        "tolerations": [{"key": "virtual-node.interlink/no-schedule", "operator": "Exists"}],
        "containers": [{"name": "c", "image": hello, "command": ["sleep", "600"]}],
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": OFFLOADED, "namespace": "default"},
        "spec": spec,
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    look = ("get", "pod", OFFLOADED, "-o=jsonpath={.metadata.uid} {.status.phase}")
    until(lambda: kubectl(*look).endswith("Running"), 120, "the pod runs at the site")
    yield lambda: kubectl(*look)
    kubectl("delete", "pod", OFFLOADED, "--wait=false")


def test_kernels_websockets_logins_and_offloaded_pods_outlive_an_upgrade(
    kernel: Kernel, servers: Servers, platform: Platform, offloaded: Callable[[], str]
) -> None:
    pod = servers.pod(NAME)
    assert pod is not None
    hub_before, node_before, offloaded_before = pods_of(platform, HUB), pods_of(platform, NODE), offloaded()
    with watching(platform.site, "/hub/health", f"/user/{NAME}/api") as (hub, server):
        upgrade(platform, "jupyterhub.cull.timeout=7200", f"sites.{SITE}.logLevel=debug")
        assert kernel.remembers()
    assert pods_of(platform, HUB) != hub_before, "the upgrade changed the hub"
    assert pods_of(platform, NODE) != node_before, "and the virtual node that the offloaded pod is on"
    print(f"the hub was away for {hub.longest:.1f} s, the server's route for {server.longest:.1f} s")
    assert hub.longest < HUB_AWAY_SECONDS
    assert server.wrong == [], "the route stayed; a slow answer on a busy machine is no missing route"
    assert kernel.lost == []
    after = servers.pod(NAME)
    assert after is not None
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert offloaded() == offloaded_before, "the same pod still runs"
    home = kernel.page.context.new_page()
    asked: list[str] = []
    home.on("request", lambda request: asked.append(request.url))
    home.goto(f"{URL}hub/home")
    expect(home.get_by_text(NAME)).to_be_visible()
    assert not any(PROVIDER.match(url) for url in asked), "had to log in again"
    home.close()


def test_routes_are_back_soon_after_the_proxy_s_pod_was_lost(kernel: Kernel, platform: Platform) -> None:
    kubectl = WholePlatform(platform.checkout).kubectl
    with watching(platform.site, f"/user/{NAME}/api") as (server,):
        kubectl("delete", "pod", f"--namespace={NAMESPACE}", "--selector=component=proxy", "--grace-period=1")
        kubectl("rollout", "status", "deployment/proxy", f"--namespace={NAMESPACE}", "--timeout=60s")
        until(server.answers, 60, "the route to the server")
    print(f"the server's route was away for {server.longest:.1f} s")
    assert server.longest < ROUTES_AWAY_SECONDS
    offer = kernel.page.get_by_role("button", name="Dismiss")  # JupyterLab asked meanwhile, and was told of no server
    if offer.is_visible():
        offer.click()
    assert kernel.remembers()


def test_a_server_that_nobody_uses_is_stopped(kernel: Kernel, servers: Servers, platform: Platform) -> None:
    kernel.page.goto("about:blank")
    upgrade(platform, "jupyterhub.cull.timeout=15", "jupyterhub.cull.every=5")
    until(lambda: servers.pod(NAME) is None, 120, "the idle server's pod goes")


def test_an_upgrade_with_the_same_values_changes_nothing(platform: Platform) -> None:
    upgrade(platform)
    before = running(platform)
    upgrade(platform)
    assert running(platform) == before


def upgrade(platform: Platform, *changes: str) -> None:
    """With the development cluster's own values, and these changes."""
    whole = WholePlatform(platform.checkout)
    folder = platform.checkout.run / "release"
    changed = [f"--set={change}" for change in changes]
    whole_command = [
        *(str(whole.helm), "upgrade", RELEASE, str(folder / "highrate"), f"--namespace={NAMESPACE}", "--wait"),
        *(f"--kubeconfig={platform.checkout.kubeconfig}", f"--values={folder / 'values.json'}", *changed),
    ]
    run(whole_command, timeout=180)


def running(platform: Platform) -> dict[str, Any]:
    """What there is of the release, by kind and name: which object it is, what it says, and how often it restarted.

    By what it says, and not by its generation: an API server counts that of a policy with an empty selector up for nothing.
    """
    kubectl = WholePlatform(platform.checkout).kubectl
    listed = json.loads(kubectl("get", ",".join(KINDS), f"--namespace={NAMESPACE}", "-o=json"))
    return {
        f"{each['kind']} {each['metadata']['name']}": (
            each["metadata"]["uid"],
            each.get("spec"),
            each.get("data"),
            each.get("rules"),
            [status["restartCount"] for status in each.get("status", {}).get("containerStatuses", [])],
        )
        for each in listed["items"]
        if each.get("type") != "helm.sh/release.v1"
        and each["metadata"].get("labels", {}).get("component") != "singleuser-server"
    }


def pods_of(platform: Platform, selector: str) -> str:
    """The UIDs of the release's pods with these labels."""
    chosen = (
        "get",
        "pods",
        f"--namespace={NAMESPACE}",
        f"--selector={selector}",
        "-o=jsonpath={.items[*].metadata.uid}",
    )
    return WholePlatform(platform.checkout).kubectl(*chosen)
