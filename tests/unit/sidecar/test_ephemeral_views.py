"""How ephemeral containers are shown: by their job's word, however it came, never back, and nothing to the pod."""

from dataclasses import replace
from typing import Any

import pytest
from condor_sidecar.core.compact_record import parse_chirp
from condor_sidecar.core.container_status import pod_status
from condor_sidecar.core.job_end import lost_end
from condor_sidecar.core.latch import latch
from condor_sidecar.core.state import Evidence, Stage, look
from condor_sidecar.job.supervisor import plan
from condor_sidecar.job.supervisor.state import PodState
from condor_sidecar.model.plan import ContainerKind, PlannedContainer
from condor_sidecar.model.pod_record import ContainerRecord
from condor_sidecar.model.pod_view import PodView, Running, State, Terminated, Waiting
from condor_sidecar.model.result import ContainerResult, ContainerState, JobPhase, JobResult
from msgspec import UNSET

from tests.unit.sidecar.supervisor.jobs import container, pod
from tests.unit.sidecar.test_state import CONTAINERS, NOW, START, ad, result

EPHEMERAL = ContainerKind.EPHEMERAL
SENT = (ContainerRecord("d", EPHEMERAL, "tools:1"), ContainerRecord("e", EPHEMERAL, "tools:1"))
FOUND = {
    "waiting": ContainerResult("d", EPHEMERAL, reason="ErrImagePull", message="no such image"),
    "running": ContainerResult("d", EPHEMERAL, ContainerState.RUNNING, START),
    "ended": ContainerResult("d", EPHEMERAL, ContainerState.TERMINATED, START, START, 3, reason="Error"),
}


def record(found: str, phase: JobPhase = JobPhase.RUNNING, main: str | int = "r") -> JobResult:
    own = result(phase, i=0, a=main, b=main)
    return replace(own, containers=(*own.containers, FOUND[found]))


def seen(live: JobResult | None, **more: Any) -> PodView:
    return look(Evidence(CONTAINERS, Stage.PRESENT, NOW, ad(2), live, ephemeral=SENT, **more))


@pytest.mark.parametrize(
    ("found", "kind"),
    [("waiting", Waiting("ErrImagePull", "no such image")), ("running", Running(1767225600.0)), ("ended", None)],
)
def test_it_is_as_its_job_says(found: str, kind: State | None) -> None:
    view = seen(record(found))
    (shown,) = view.ephemeral
    assert (shown.name, shown.image, shown.ready, shown.started_up) == ("d", "tools:1", False, False)
    if kind is not None:
        assert shown.state == kind
    else:
        assert isinstance(shown.state, Terminated) and shown.state.exit_code == 3
    assert [each.name for each in view.containers] == ["i", "a", "b"], "it is none of them"


def test_what_the_job_has_not_been_sent_or_has_not_taken_is_not_told_of() -> None:
    assert seen(result(i=0, a="r", b="r")).ephemeral == ()
    assert seen(None).ephemeral == ()
    stranger = replace(record("running"), containers=(ContainerResult("x", EPHEMERAL, ContainerState.RUNNING, START),))
    assert seen(stranger).ephemeral == (), "a record comes from where a user's code runs"
    status = pod_status("u", "ns", "p", "jid", seen(None))
    assert status.ephemeralContainers is UNSET, "as Go peers write it"


def test_why_one_may_not_be_started_is_told() -> None:
    view = seen(record("running"), refused={"bad": "privileged containers can't run in a job: remove it"})
    status = pod_status("u", "ns", "p", "jid", view)
    assert isinstance(status.ephemeralContainers, list)
    running, bad = status.ephemeralContainers
    assert (running["name"], running["ready"], running["state"]) == ("d", False, {"running": {"startedAt": START}})
    assert bad["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": "privileged containers can't run in a job: remove it",
    }


def test_its_end_or_its_life_does_not_count_for_the_pod() -> None:
    assert not seen(record("ended")).ended
    final = record("running", JobPhase.ENDED, main=0)
    assert look(Evidence(CONTAINERS, Stage.PRESENT, NOW, ad(4), final=final, ephemeral=SENT)).ended


@pytest.mark.parametrize("found", ["waiting", "running", "ended"])
def test_with_its_job_it_is_gone_but_what_never_ran_has_no_end(found: str) -> None:
    end = lost_end(NOW, "7.1")
    (shown,) = seen(record(found), end=end).ephemeral
    if found == "waiting":
        assert isinstance(shown.state, Waiting)
    else:
        assert isinstance(shown.state, Terminated)
        assert shown.state.exit_code == (3 if found == "ended" else end.exit_code)


def test_it_never_goes_back_nor_away() -> None:
    running, ended = seen(record("running")), seen(record("ended"))
    assert latch(running, seen(None)).ephemeral == running.ephemeral, "some ways don't name it"
    assert latch(ended, running).ephemeral == ended.ephemeral
    assert latch(running, ended).ephemeral == ended.ephemeral
    refused = seen(None, refused={"bad": "no"})
    assert [each.name for each in latch(refused, running).ephemeral] == ["bad", "d"]


class TestTheCompactRecord:
    PLANNED = (PlannedContainer("a", ContainerKind.MAIN),)
    ADDED = tuple(PlannedContainer(name, EPHEMERAL) for name in ("d", "e", "never-added"))

    def state(self) -> PodState:
        state = PodState(pod(container("a")), "host", "")
        state.container("a").run(1767225600)
        for name in ("e", "d"):
            state.add(container(name, kind=plan.EPHEMERAL)).run(1767225601)
        state.container("d").finish(3, None, "", "", 1767225602)
        return state

    def test_it_is_read_back_by_name(self) -> None:
        found = parse_chirp(self.state().compact(), self.PLANNED, self.ADDED)
        assert found is not None
        assert [(each.name, each.kind, each.exit_code) for each in found.containers] == [
            ("a", ContainerKind.MAIN, None), ("d", EPHEMERAL, 3), ("e", EPHEMERAL, None),
        ]  # fmt: skip

    def test_who_knows_of_none_reads_the_others(self) -> None:
        found = parse_chirp(self.state().compact(), self.PLANNED)
        assert found is not None and [each.name for each in found.containers] == ["a"]

    @pytest.mark.parametrize("more", [";d", ";d=nonsense", ";d=w:;d=w:", ";"])
    def test_what_is_no_record_is_none(self, more: str) -> None:
        whole = "2;1;running;;r:1767225600:sr"
        assert parse_chirp(whole, self.PLANNED, self.ADDED) is not None
        assert parse_chirp(whole + more, self.PLANNED, self.ADDED) is None
