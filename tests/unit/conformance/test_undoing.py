"""After a run the platform is brought back, whatever fails on the way there and back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from devcluster.conformance.arena import ENDPOINT, Judged, arena
from devcluster.conformance.undoing import NotUndone, undoing
from devcluster.kubernetes.certificates import NODE
from devcluster.paths import Checkout
from devcluster.platform import Platform
from devcluster.steps import StepLog

SITE = ENDPOINT.node_name
# what a run does first, and what brings the platform back
THERE = ["folder", "20 machines", "open edge", "open release", "node is well", "untainted", f"cordon {NODE}"]
BACK = [f"cordon {SITE}", f"uncordon {NODE}", "release", f"uncordon {SITE}", "edge", "0 machines", "no folder"]


class Broken(Exception):
    """What a test makes fail."""


@pytest.fixture
def log(tmp_path: Path) -> StepLog:
    return StepLog(tmp_path / "step.log", lambda _: None)


class Recorded:
    """A platform that only writes down what is done to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, breaks: tuple[str, ...] = ()) -> None:
        self.done: list[str] = []
        self._breaks = breaks
        self.platform = Platform(Checkout(tmp_path))
        replaced: dict[str, Callable[..., object]] = {
            "pool.start": lambda _machine, _network, slots: self._do(f"{slots.machines} machines"),
            "site.start_edge": lambda _, lets=None: self._do("open edge" if lets else "edge"),
            "site.site_machine": lambda _: self,
            "release.install": lambda _platform, _log, changes=None: self._do("open release" if changes else "release"),
            "release.wait_for_virtual_node": lambda *_: self._do("node is well"),
            "wait_until": lambda *_: self._do("untainted"),
        }
        for name, action in replaced.items():
            monkeypatch.setattr(f"devcluster.conformance.arena.{name}", action)
        monkeypatch.setattr(Platform, "network", None)
        monkeypatch.setattr(Platform, "kubectl", property(lambda _: lambda *words: self._do(" ".join(words))))

    def run(self, argv: list[str]) -> None:
        """As the site's machine."""
        self._do("no folder" if argv[0] == "rm" else "folder")

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what in self._breaks:
            raise Broken(what)


def test_all_that_a_run_changes_is_brought_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: StepLog) -> None:
    recorded = Recorded(monkeypatch, tmp_path)
    with arena(recorded.platform, Judged.VIRTUAL, log):
        assert recorded.done == THERE
    assert recorded.done == THERE + BACK


def test_a_run_on_the_ordinary_node_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: StepLog
) -> None:
    recorded = Recorded(monkeypatch, tmp_path)
    with arena(recorded.platform, Judged.ORDINARY, log):
        pass
    assert recorded.done == []


# before the release is opened there is only the pool to bring back
ON_THE_WAY = [(breaks, BACK[-3:] if breaks in THERE[:3] else BACK) for breaks in THERE]


@pytest.mark.parametrize(("breaks", "back"), ON_THE_WAY)
def test_what_fails_on_the_way_there_leaves_nothing_behind(
    breaks: str, back: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: StepLog
) -> None:
    recorded = Recorded(monkeypatch, tmp_path, (breaks,))
    with pytest.raises(Broken, match=breaks):
        with arena(recorded.platform, Judged.VIRTUAL, log):
            pytest.fail("a run on a platform that isn't ready for it")
    assert recorded.done == [*THERE[: THERE.index(breaks) + 1], *back]


@pytest.mark.parametrize("breaks", BACK)
def test_one_way_back_that_fails_keeps_none_of_the_others(
    breaks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: StepLog
) -> None:
    recorded = Recorded(monkeypatch, tmp_path, (breaks,))
    with pytest.raises(NotUndone, match=breaks):
        with arena(recorded.platform, Judged.VIRTUAL, log):
            pass
    assert recorded.done == THERE + BACK


def test_the_runs_own_error_is_told_before_that_of_the_way_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: StepLog
) -> None:
    recorded = Recorded(monkeypatch, tmp_path, ("release",))
    with pytest.raises(Broken, match="no report"):
        with arena(recorded.platform, Judged.VIRTUAL, log):
            raise Broken("no report")
    assert recorded.done == THERE + BACK
    assert "not as before the run: the release: release" in log.path.read_text()


def test_all_that_could_not_be_undone_is_named(log: StepLog) -> None:
    def broken(what: str) -> Callable[[], None]:
        def back() -> None:
            raise Broken(what)

        return back

    with pytest.raises(NotUndone, match=r"devcluster up.*: b: two; a: one"):
        with undoing(log) as undo:
            undo("a", broken("one"))
            undo("b", broken("two"))
