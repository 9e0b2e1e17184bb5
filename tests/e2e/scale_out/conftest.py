"""A session of the analysis image, its Python, and what its clusters are for Kubernetes and at the site."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from devcluster.kubernetes.cluster import Kubectl
from devcluster.release_values import DASK_NAMESPACE, NAMESPACE
from devcluster.site.access import Site
from devcluster.site.layout import ENDPOINTS
from playwright.sync_api import Browser, Page

from tests.cluster.conftest import Platform
from tests.e2e.notebook import Notebook, notebook
from tests.e2e.pages import Person, choose, open_start_page, start
from tests.e2e.servers import Servers, until

PERSON = "mario"
SITE = ENDPOINTS["schedd"].node_name
PATIENCE = 180
"""Seconds for what takes a few on a quiet machine."""
START = f"""
from highrate.dask import OffloadCluster
cluster = OffloadCluster(site={SITE!r})
client = cluster.get_client()
"""
"""The lines that a person types."""


@dataclass(frozen=True)
class Clusters:
    """Schedulers and workers of everybody, as pods and as jobs."""

    kubectl: Kubectl
    site: Site
    pictures: Path
    """Where screenshots are kept."""

    def pods(self, component: str = "") -> list[dict[str, Any]]:
        chosen = [f"--selector=app.kubernetes.io/component={component}"] if component else []
        found = self.kubectl("get", "pods", f"--namespace={DASK_NAMESPACE}", *chosen, "-o=json")
        items: list[dict[str, Any]] = json.loads(found)["items"]
        return items

    def jobs(self, chosen: str = "JobStatus < 3") -> list[str]:
        """Ids of workers' jobs in the pool's queue; unless otherwise said, of those that have not ended."""
        asked = ["condor_q", "-allusers", "-af:j", "JobStatus", "-constraint", f"{_OF_DASK} && {chosen}"]
        return [line.split()[0] for line in self.site.run(asked).stdout.splitlines() if line.strip()]

    def none_left(self) -> bool:
        secrets = self.kubectl("get", "secrets", f"--namespace={DASK_NAMESPACE}", "-o=name")
        return not self.pods() and not self.jobs() and "dask-" not in secrets

    def kill_job(self) -> str:
        """One that runs, as a site's administrator does it; its id."""
        killed = self.jobs("JobStatus == 2")[0]
        self.site.run(["condor_rm", killed])
        return killed

    def kill_scheduler(self) -> None:
        (pod,) = self.pods("dask-scheduler")
        words = (
            "delete",
            "pod",
            pod["metadata"]["name"],
            f"--namespace={DASK_NAMESPACE}",
            "--grace-period=0",
            "--force",
        )
        self.kubectl(*words)

    def lose(self, component: str, workload: str) -> None:
        """All pods of a part of the release, and wait until there are others."""
        chosen = f"--selector=app.kubernetes.io/name={component}"
        self.kubectl("delete", "pods", chosen, f"--namespace={NAMESPACE}", "--grace-period=1")
        words = (f"{workload}/{component}", f"--namespace={NAMESPACE}", f"--timeout={PATIENCE}s")
        self.kubectl("rollout", "status", *words, timeout=PATIENCE + 30)


_OF_DASK = f'InterlinkNamespace == "{DASK_NAMESPACE}"'


@pytest.fixture(scope="package")
def lab(browser: Browser, people: dict[str, Person], platform: Platform) -> Iterator[Page]:
    """JupyterLab of the analysis image."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    context.set_default_timeout(90_000)
    page = context.new_page()
    open_start_page(page, people[PERSON])
    choose(page, "analysis", cores=2, memory=4)
    start(page)
    yield page
    page.screenshot(path=platform.checkout.logs / "e2e" / "scale-out.png")
    context.close()


@pytest.fixture
def clusters(servers: Servers, platform: Platform) -> Iterator[Clusters]:
    """Nothing may be left of them when the test ends."""
    found = Clusters(servers.kubectl, platform.site, platform.checkout.logs / "e2e")
    yield found
    try:
        until(found.none_left, PATIENCE, "schedulers, workers, their jobs and Secrets are gone")
    finally:  # the next test's are its own
        kubectl, chosen = servers.kubectl, "--selector=app.kubernetes.io/component=dask-scheduler"
        kubectl("delete", "pods", chosen, f"--namespace={DASK_NAMESPACE}", "--wait=false")


@pytest.fixture
def kernel(
    lab: Page, servers: Servers, clusters: Clusters, platform: Platform, request: pytest.FixtureRequest
) -> Iterator[Notebook]:
    """A Python of the session; ``cluster`` in it is ended with the test. It comes before `clusters` looks what is left."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", request.node.name)
    with notebook(servers, PERSON, platform.checkout.logs / "e2e" / f"{name}.log") as found:
        yield found
        with contextlib.suppress(OSError, AssertionError):  # what stays for that, `clusters` sees
            found.settle()
            found.run("'cluster' in globals() and cluster.close()")
