"""What a run found is handed over as soon as it is known, and only whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from devcluster.conformance.arena import Judged
from devcluster.conformance.report import NoReport, Run
from devcluster.conformance.run import Wanted, run
from devcluster.conformance.suite import REPORT, Selection
from devcluster.conformance.undoing import NotUndone
from devcluster.paths import Checkout
from devcluster.platform import Platform
from devcluster.steps import StepLog

PASSED = '<testcase name="[It] [sig-node] Pods run [NodeConformance]" status="passed" time="1"/>'
BOTH = Selection(names=["[sig-node] Pods run [NodeConformance]", "[sig-node] Pods fly [NodeConformance]"])


@contextmanager
def stays_open(*_: object) -> Iterator[None]:
    yield
    raise NotUndone("the release")


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Platform:
    """One whose suite says that one test passed, and that can't be brought back."""

    def tests(_argv: list[str], out: Path, _platform: Platform) -> None:
        (out / REPORT).write_text(f"<testsuites>{PASSED}</testsuites>")

    replaced = {
        "build": lambda *_: tmp_path,
        "pod_images.provide": lambda *_: {"pause": "9f"},
        "site.site_machine": lambda _: None,
        "arena": stays_open,
        "_tests": tests,
        "_versions": lambda _: {"Kubernetes": "v1.34.4"},
    }
    for name, action in replaced.items():
        monkeypatch.setattr(f"devcluster.conformance.run.{name}", action)
    return Platform(Checkout(tmp_path))


def test_it_is_not_lost_with_a_platform_that_stays_as_it_is(platform: Platform, tmp_path: Path) -> None:
    found: list[Run] = []
    log = StepLog(tmp_path / "step.log", lambda _: None)
    with pytest.raises(NotUndone):
        run(platform, Wanted(Judged.ORDINARY, Selection(focus="Pods")), log, found.append)
    (one,) = found
    assert [(outcome.title, outcome.passed) for outcome in one.outcomes] == [("Pods run", True)]
    assert (one.node, one.images, one.versions) == ("hub", {"pause": "9f"}, {"Kubernetes": "v1.34.4"})


def test_a_part_of_it_is_nothing(platform: Platform, tmp_path: Path) -> None:
    found: list[Run] = []
    log = StepLog(tmp_path / "step.log", lambda _: None)
    with pytest.raises(NoReport, match="1 of 2 tests were not run: Pods fly"):
        run(platform, Wanted(Judged.ORDINARY, BOTH), log, found.append)
    assert found == []
