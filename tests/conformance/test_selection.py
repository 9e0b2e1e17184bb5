"""Kubernetes' own node tests on the platform: one or more for each thing that a node does for a pod (selection.txt).

`make conformance` runs all of them, and says of those that fail why.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from devcluster.conformance.report import Outcome
from devcluster.conformance.run import folder
from devcluster.paths import find_checkout

from devcluster.conformance import report, suite

CHECKOUT = find_checkout(Path(__file__).parent)
PATIENCE = 3000
"""Seconds for all of them; the suite may have to be compiled first, and the platform brought up."""

pytestmark = pytest.mark.timeout(PATIENCE + 60)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    found = tmp_path_factory.mktemp("conformance") / "run.json"
    argv = [sys.executable, "-m", "devcluster.conformance", "run", "--selected", f"--out={found}"]
    said = subprocess.run(argv, cwd=CHECKOUT.root, capture_output=True, text=True, timeout=PATIENCE)
    run = report.kept(found)
    assert run is not None, f"{said.stdout}\n{said.stderr}"
    return run.by_title()


@pytest.mark.parametrize("title", suite.titles_chosen(folder(CHECKOUT)))
def test_a_pod_at_the_site_is_as_on_a_node(title: str, outcomes: dict[str, Outcome]) -> None:
    assert title in outcomes, "the suite did not run it"
    assert outcomes[title].passed, outcomes[title].failure
    # a test that waits for nothing to happen passes with a pod that does not run
    assert not outcomes[title].refused
