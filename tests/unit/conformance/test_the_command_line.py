"""What ginkgo is told."""

from pathlib import Path

from devcluster.conformance.suite import Selection

from devcluster.conformance import suite


def test_every_sign_of_a_name_is_taken_as_it_is() -> None:
    name = '[sig-node] Probing container should *not* be restarted with a "cat /tmp/health" (liveness) probe'
    expression = Selection(names=[name, "a|b"]).expression
    assert expression == (
        r"\[sig-node\] Probing container should \*not\* be restarted with a "
        r'"cat /tmp/health" \(liveness\) probe|a\|b'
    )


def test_a_whole_run_is_without_a_focus_and_a_focus_is_one_argument() -> None:
    def words(selection: Selection) -> list[str]:
        return suite.argv(Path("/programs"), Path("/kubeconfig"), Path("/out"), selection, 4)

    assert not [word for word in words(Selection()) if word.startswith("--focus")]
    assert "--focus=Pods should" in words(Selection(focus="Pods should"))
    assert words(Selection())[0] == "/programs/ginkgo"
    # ginkgo's own options end where the suite begins
    assert words(Selection()).index("/programs/e2e.test") + 1 == words(Selection()).index("--")


def test_a_selection_says_what_it_is() -> None:
    selections = (Selection(), Selection(names=["a", "b"]), Selection(focus="Pods"))
    assert [str(selection) for selection in selections] == ["all tests", "2 chosen tests", "tests that match Pods"]


def test_what_a_run_must_have_run_follows_from_its_selection(tmp_path: Path) -> None:
    (tmp_path / suite.TESTS).write_text(
        "[sig-node] Pods run [NodeConformance]\n[sig-node] Pods fly [NodeConformance]\n"
    )
    assert suite.titles_of(Selection(), tmp_path) == {"Pods run", "Pods fly"}
    assert suite.titles_of(Selection(names=["[sig-node] Pods fly [NodeConformance]"]), tmp_path) == {"Pods fly"}
    assert suite.titles_of(Selection(focus="Pods"), tmp_path) is None
