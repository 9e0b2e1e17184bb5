"""Views of pods: the rules that hold for every sequence of evidence, and the table of single cases."""

from dataclasses import replace
from typing import Any

import pytest
from condor_sidecar.core.adoption import adopt
from condor_sidecar.core.container_status import pod_status
from condor_sidecar.core.job_end import completed_end, held_end, lost_end, removed_end
from condor_sidecar.core.latch import latch
from condor_sidecar.core.pod_message import complete
from condor_sidecar.core.state import NO_CHIRP_SECONDS, Evidence, Stage, look
from condor_sidecar.core.submit_batch import containers_attribute
from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.plan import ContainerKind
from condor_sidecar.model.pod_record import ContainerRecord
from condor_sidecar.model.pod_view import ContainerView, PodView, Running, Terminated, Waiting
from condor_sidecar.model.result import (
    ContainerResult,
    ContainerState,
    EarlierEnd,
    JobPhase,
    JobResult,
)
from hypothesis import given
from hypothesis import strategies as st

INIT, SIDECAR, MAIN = ContainerKind.INIT, ContainerKind.SIDECAR, ContainerKind.MAIN
CONTAINERS = (ContainerRecord("i", INIT), ContainerRecord("a", MAIN), ContainerRecord("b", MAIN))
START = "2026-01-01T00:00:00Z"
NOW = 1767225700.0


def ad(status: int, **more: Any) -> JobAd:
    return JobAd(
        **{
            "cluster": 7,
            "proc": 1,
            "uid": "5b0c1c6e-9f0e-4f6e-8a53-1c1f1f1f0001",
            "status": status,
            "entered_status": int(NOW) - 5,
            **more,
        }
    )


def result(phase: JobPhase = JobPhase.RUNNING, revision: int = 1, reason: str = "", **states: str | int) -> JobResult:
    """A supervisor's record: each container "w", "r" or its exit code."""
    containers = []
    for record in CONTAINERS:
        state = states.get(record.name, "w")
        if isinstance(state, int):
            found = ContainerResult(record.name, record.kind, ContainerState.TERMINATED, START, START, state)
        elif state[1:]:
            found = _restarted(record, state)
        elif state == "r":
            found = ContainerResult(record.name, record.kind, ContainerState.RUNNING, START)
        else:
            found = ContainerResult(record.name, record.kind)
        containers.append(found)
    return JobResult(phase, tuple(containers), revision, reason)


def _restarted(record: ContainerRecord, state: str) -> ContainerResult:
    """ "r2" runs for the third time, "w2" waits for its fourth run."""
    kind = ContainerState.RUNNING if state[0] == "r" else ContainerState.WAITING
    started = START if state[0] == "r" else None
    return ContainerResult(record.name, record.kind, kind, started, restart_count=int(state[1:]), last=FAILED)


def waits_again(container: ContainerView) -> bool:
    return isinstance(container.state, Waiting) and container.last is not None


def mains_of(view: PodView) -> list[dict[str, Any]]:
    """The main containers as they go over the wire."""
    return list(pod_status("u", "ns", "n", "il-u", view).containers or [])


def seen(**more: Any) -> PodView:
    return look(Evidence(**{"containers": CONTAINERS, "stage": Stage.PRESENT, "now": NOW, **more}))


def words(view: PodView) -> list[str]:
    """Each container in one word: the reason of what waits, "running", or the exit code with its reason."""
    found = []
    for container in view.containers:
        match container.state:
            case Waiting(reason=reason):
                found.append(reason)
            case Running():
                found.append("running")
            case Terminated(exit_code=code, reason=reason):
                found.append(f"{code} {reason}")
    return found


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"stage": Stage.QUEUED}, ["Queued"] * 3),
        ({"stage": Stage.SUBMITTING}, ["Queued"] * 3),
        ({"stage": Stage.UNCERTAIN}, ["Queued"] * 3),
        ({"stage": Stage.MISSING}, ["Queued"] * 3),
        ({"ad": ad(5, hold_code=16)}, ["Staging"] * 3),
        ({"ad": ad(1)}, ["Pending"] * 3),
        ({"ad": ad(5, hold_code=1)}, ["JobHeld"] * 3),
        ({"ad": ad(3)}, ["Removing"] * 3),
        ({"ad": ad(4)}, ["RetrievingOutput"] * 3),
        ({"ad": ad(2, started=int(NOW))}, ["ContainerCreating", "PodInitializing", "PodInitializing"]),
        (
            {"ad": ad(2, started=int(NOW) - NO_CHIRP_SECONDS)},
            ["running", "PodInitializing", "PodInitializing"],
        ),
        ({"ad": ad(2), "live": result(i="r")}, ["running", "PodInitializing", "PodInitializing"]),
        ({"ad": ad(2), "live": result(i=0, a="r")}, ["0 Completed", "running", "ContainerCreating"]),
        ({"ad": ad(7), "live": result(i=0, a="r", b=3)}, ["0 Completed", "running", "3 Error"]),
        # the pod's end needs the job's end: until then the last containers count as running
        ({"ad": ad(2), "live": result(i=0, a=0, b=3)}, ["0 Completed", "running", "running"]),
        ({"ad": ad(6), "live": result(i=0, a=0, b=3)}, ["0 Completed", "running", "running"]),
        ({"ad": ad(4), "live": result(i=0, a=0, b=3)}, ["0 Completed", "running", "running"]),
        ({"ad": ad(4), "final": result(JobPhase.ENDED, i=0, a=0, b=3)}, ["0 Completed", "0 Completed", "3 Error"]),
        ({"ad": ad(4), "final": result(JobPhase.ENDED, i=7)}, ["7 Error", "1 Error", "1 Error"]),
        (
            {"ad": ad(4), "final": result(JobPhase.ENDED, reason="DeadlineExceeded", i=0, a=143)},
            ["0 Completed", "143 Error", "137 DeadlineExceeded"],
        ),
        # a record that breaks off: what it leaves open ended with the job, and never with success
        (
            {"ad": ad(4, exit_code=0), "final": result(i=0, a="r", b=0)},
            ["0 Completed", "137 ContainerStatusUnknown", "0 Completed"],
        ),
        (
            {"ad": ad(4, exit_by_signal=True, exit_signal=9), "final": result(i=0, a="r", b=0)},
            ["0 Completed", "137 Error", "0 Completed"],
        ),
        (
            {"ad": ad(5, hold_code=34, hold_subcode=102), "end": held_end(ad(5, hold_code=34, hold_subcode=102))},
            ["137 OOMKilled"] * 3,
        ),
    ],
)
def test_view(evidence: dict[str, Any], expected: list[str]) -> None:
    assert words(seen(**evidence)) == expected


def test_what_a_probe_decides_is_not_claimed_without_a_word() -> None:
    containers = tuple(
        ContainerRecord(name, MAIN, probes=probes) for name, probes in zip("abcd", ("", "r", "s", "rs"), strict=True)
    )
    silent = look(Evidence(containers, Stage.PRESENT, NOW, ad=ad(2, started=int(NOW) - NO_CHIRP_SECONDS)))
    assert [isinstance(each.state, Running) for each in silent.containers] == [True] * 4
    assert [each.ready for each in silent.containers] == [True, False, False, False]
    assert [each.started_up for each in silent.containers] == [True, True, False, False]


def test_what_is_known_of_probes_is_in_the_job_s_attributes() -> None:
    record = adopt(ad(2, containers="i:first s:aside:s m:main:rs m:other"))
    assert record is not None
    assert [(each.name, each.probes) for each in record.containers] == [
        ("first", ""),
        ("aside", "s"),
        ("main", "rs"),
        ("other", ""),
    ]
    assert containers_attribute(record) == "i:first s:aside:s m:main:rs m:other"


def test_a_job_without_output_ends_with_its_own_exit_code() -> None:
    assert completed_end(ad(4, exit_code=3), "x").exit_code == 3
    assert completed_end(ad(4, exit_by_signal=True, exit_signal=15), "x").exit_code == 143
    assert completed_end(ad(4), "x").exit_code != 0


def test_a_container_that_was_killed_with_its_pod_says_why() -> None:
    ended = result(JobPhase.ENDED, reason="DeadlineExceeded", i=0, a=137, b=1)
    killed = [replace(c, signal=9) if c.name == "a" else c for c in ended.containers]
    view = seen(ad=ad(4), final=replace(ended, containers=tuple(killed), message="it ran for 5 s, its deadline"))
    assert words(view) == ["0 Completed", "137 DeadlineExceeded", "1 Error"]
    state = view.containers[1].state
    assert isinstance(state, Terminated)
    assert state.message == "it ran for 5 s, its deadline"


def test_messages_have_htcondors_words() -> None:
    view = seen(ad=ad(5, hold_code=1, hold_reason="via condor_hold (by user operator)"))
    state = view.containers[0].state
    assert isinstance(state, Waiting)
    assert state.message == "HTCondor job 7.1 is held: via condor_hold (by user operator)"


def test_a_container_killed_with_its_job_tells_what_ended_the_job() -> None:
    removed = ad(3, remove_reason="via condor_rm (by user operator)")
    view = seen(ad=removed, live=result(i=0, a=143, b=3), end=removed_end(removed, 3600, NOW))
    messages = [c.state.message for c in view.containers if isinstance(c.state, Terminated)]
    assert messages == ["", "HTCondor job 7.1 was removed: via condor_rm (by user operator)", ""]
    assert words(view) == ["0 Completed", "143 Error", "3 Error"]


FAILED = EarlierEnd(3, "Error", "words", None, START, START)


def again(count: int, state: ContainerState = ContainerState.WAITING, **more: Any) -> JobResult:
    """A record in which container b was started again `count` times, or waits to be."""
    record = result(i=0, a="r")
    reason = "CrashLoopBackOff" if state is ContainerState.WAITING else ""
    started = None if state is ContainerState.WAITING else START
    b = ContainerResult(
        "b", MAIN, state, started, reason=reason, restart_count=count, last=FAILED, **{"message": "", **more}
    )
    return replace(record, containers=(*record.containers[:2], b), revision=count + 1)


def test_a_container_that_waits_to_be_started_again_has_its_end_at_its_side() -> None:
    view = seen(ad=ad(2), live=again(2, message="back-off 10s"))
    assert words(view) == ["0 Completed", "running", "CrashLoopBackOff"]
    _, status = mains_of(view)
    assert status["lastState"] == {
        "terminated": {"exitCode": 3, "reason": "Error", "message": "words", "startedAt": START, "finishedAt": START}
    }
    assert (status["restartCount"], status["ready"], status["started"]) == (2, False, False)


def test_a_status_says_which_image_a_container_runs() -> None:
    record = result(i=0, a="r", b="r")
    named = [replace(c, image="web:1", image_id=f"docker://web@{c.name}") for c in record.containers if c.name != "b"]
    view = seen(ad=ad(2), live=replace(record, containers=(*named, record.containers[2])))
    status = pod_status("u", "ns", "n", "il-u", view)
    shown = {c["name"]: c["imageID"] for c in (*(status.initContainers or ()), *(status.containers or ()))}
    assert shown == {"i": "docker://web@i", "a": "docker://web@a", "b": ""}


def test_each_run_of_a_container_has_an_identity_of_its_own() -> None:
    def identity(view: PodView) -> object:
        _, b = mains_of(view)
        return b.get("containerID")

    first = identity(seen(ad=ad(2), live=result(i=0, a="r", b="r")))
    second = identity(seen(ad=ad(2), live=again(1, ContainerState.RUNNING)))
    assert str(first).startswith("apptainer://") and str(second).startswith("apptainer://")
    assert first != second
    assert identity(seen(ad=ad(2), live=result(i=0, a="r"))) is None, "it was never made"


@pytest.mark.parametrize(("started_up", "ready"), [(False, False), (True, False), (True, True)])
def test_a_container_is_ready_when_its_supervisor_says_so(started_up: bool, ready: bool) -> None:
    view = seen(ad=ad(2), live=again(1, ContainerState.RUNNING, started_up=started_up, ready=ready))
    _, status = mains_of(view)
    assert (status["started"], status["ready"]) == (started_up, ready)


def test_what_waited_when_the_pod_ended_shows_its_last_end() -> None:
    final = replace(again(2), phase=JobPhase.ENDED)
    assert words(seen(ad=ad(4), final=final)) == ["0 Completed", "137 ContainerStatusUnknown", "3 Error"]


def test_sidecars_stand_among_the_init_containers() -> None:
    containers = (ContainerRecord("s", SIDECAR), ContainerRecord("i", INIT), ContainerRecord("a", MAIN))
    view = look(Evidence(containers=containers, stage=Stage.PRESENT, now=NOW, ad=ad(2)))
    status = pod_status("u", "ns", "n", "il-u", view)
    assert [c["name"] for c in status.initContainers or ()] == ["s", "i"]
    assert [c["name"] for c in status.containers or ()] == ["a"]


@pytest.mark.parametrize(
    ("sidecar", "expected"),
    [
        (ContainerResult("s", SIDECAR), "PodInitializing"),
        (ContainerResult("s", SIDECAR, reason="CrashLoopBackOff", last=FAILED), "ContainerCreating"),
        (ContainerResult("s", SIDECAR, ContainerState.RUNNING, START), "ContainerCreating"),
    ],
)
def test_main_containers_wait_for_sidecars_to_start(sidecar: ContainerResult, expected: str) -> None:
    containers = (ContainerRecord("s", SIDECAR), ContainerRecord("a", MAIN))
    record = JobResult(JobPhase.STARTING, (sidecar, ContainerResult("a", MAIN)))
    view = look(Evidence(containers=containers, stage=Stage.PRESENT, now=NOW, ad=ad(2), live=record))
    assert words(view)[1] == expected


def test_a_pod_that_its_supervisor_ended_says_so_whatever_its_containers_made_of_it() -> None:
    ended = result(JobPhase.ENDED, reason="DeadlineExceeded", i=0, a=0, b=0)
    view = latch(seen(ad=ad(2), live=result(i=0, a="r", b="r")), seen(ad=ad(4), final=ended))
    assert view.ended
    assert view.verdict is not None and view.verdict.reason == "DeadlineExceeded"
    told = complete(pod_status("u", "ns", "n", "il-u", view), [], "", view)
    assert told.reason == "DeadlineExceeded"


_states = st.sampled_from(["w", "r", 0, 1, 137, "w0", "r1", "w1", "r2"])
_results = st.builds(
    result,
    phase=st.sampled_from(list(JobPhase)),
    revision=st.integers(0, 5),
    reason=st.sampled_from(["", "DeadlineExceeded", "Terminated"]),
    i=_states,
    a=_states,
    b=_states,
)
_ads = st.builds(
    ad,
    st.integers(0, 8),
    hold_code=st.one_of(st.none(), st.integers(0, 50)),
    starts=st.one_of(st.none(), st.integers(0, 3)),
    started=st.one_of(st.none(), st.integers(int(NOW) - 1000, int(NOW))),
    exit_code=st.one_of(st.none(), st.integers(0, 255)),
    exit_by_signal=st.one_of(st.none(), st.booleans()),
    exit_signal=st.one_of(st.none(), st.integers(1, 31)),
)
_evidence = st.builds(
    Evidence,
    containers=st.just(CONTAINERS),
    stage=st.sampled_from(list(Stage)),
    now=st.floats(NOW, NOW + 100),
    ad=st.one_of(st.none(), _ads),
    live=st.one_of(st.none(), _results),
    final=st.one_of(st.none(), _results),
    end=st.one_of(st.none(), st.just(lost_end(NOW, "7.1"))),
    note=st.sampled_from(["", "a note"]),
)


@given(_evidence)
def test_every_container_is_there_in_order_in_one_state(evidence: Evidence) -> None:
    status = pod_status("u", "ns", "n", "il-u", look(evidence))
    assert [c["name"] for c in status.initContainers or ()] == ["i"]
    assert [c["name"] for c in status.containers or ()] == ["a", "b"]
    for container in (*(status.initContainers or ()), *(status.containers or ())):
        (name,) = container["state"]
        assert name in ("waiting", "running", "terminated")
        if name == "terminated":
            assert isinstance(container["state"]["terminated"]["exitCode"], int)


@given(_evidence)
def test_nothing_but_an_end_ends_a_pod(evidence: Evidence) -> None:
    if evidence.final is None and evidence.end is None:
        assert not look(evidence).ended
    else:
        assert look(evidence).ended


@given(_evidence)
def test_success_needs_a_record_of_success(evidence: Evidence) -> None:
    records = [r for r in (evidence.live, evidence.final) if r is not None]
    for container in look(evidence).containers:
        if isinstance(container.state, Terminated) and container.state.exit_code == 0:
            assert any(c.name == container.name and c.exit_code == 0 for r in records for c in r.containers)


@given(st.lists(_evidence, max_size=8))
def test_what_was_shown_stays(history: list[Evidence]) -> None:
    shown: PodView | None = None
    for evidence in history:
        view = look(evidence)
        after = latch(shown, view)
        assert after.ended or not view.ended, "a pod whose end is known has ended"
        if shown is not None:
            assert [c.name for c in after.containers] == [c.name for c in shown.containers]
            for before, now in zip(shown.containers, after.containers, strict=True):
                assert now.restart_count >= before.restart_count
                if now.restart_count > before.restart_count:
                    continue
                if isinstance(before.state, Terminated):
                    assert now == before or waits_again(now)
                if isinstance(before.state, Running):
                    assert not isinstance(now.state, Waiting) or waits_again(now)
                if waits_again(before):
                    assert waits_again(now) or isinstance(now.state, Terminated)
        shown = after


def test_an_end_that_knows_nothing_of_the_restarts_ends_the_pod_all_the_same() -> None:
    shown = seen(ad=ad(2), live=again(2, ContainerState.RUNNING, ready=True))
    view = latch(shown, seen(ad=ad(3), end=lost_end(NOW, "7.1")))
    assert words(view) == ["0 Completed", "137 JobLost", "137 JobLost"]
    b = view.containers[2]
    assert (b.restart_count, b.last, b.ready) == (2, shown.containers[2].last, False)
    waiting = latch(seen(ad=ad(2), live=again(2)), seen(ad=ad(3), end=lost_end(NOW, "7.1")))
    assert words(waiting)[2] == "137 JobLost"


@given(_evidence)
def test_a_failed_init_container_leaves_nothing_waiting_at_the_end(evidence: Evidence) -> None:
    view = look(replace(evidence, final=result(JobPhase.ENDED, i=1)))
    assert view.ended
    assert all(isinstance(c.state, Terminated) and c.state.exit_code != 0 for c in view.containers)


def test_a_container_that_is_made_again_is_shown_running_when_it_runs() -> None:
    """Its run has a number from its start on, before its command runs."""
    states = [
        ContainerResult("a", MAIN, ContainerState.RUNNING, restart_count=1, last=FAILED),
        ContainerResult("a", MAIN, reason="CrashLoopBackOff", restart_count=1, last=FAILED),
        ContainerResult("a", MAIN, reason="ContainerCreating", restart_count=2, last=FAILED),
        ContainerResult("a", MAIN, ContainerState.RUNNING, restart_count=2, last=FAILED),
    ]
    shown, found = None, []
    for revision, state in enumerate(states, 1):
        others = [ContainerResult("i", INIT, ContainerState.TERMINATED, exit_code=0), ContainerResult("b", MAIN)]
        live = JobResult(JobPhase.RUNNING, (others[0], state, others[1]), revision, "")
        shown = latch(shown, seen(ad=ad(2), live=live))
        found.append(words(shown)[1])
    assert found == ["running", "CrashLoopBackOff", "ContainerCreating", "running"]
