"""The status machine: a table of what plugins say and what is shown, and what holds whatever they say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlink.protocol.types import PodStatus
from virtual_kubelet.core import status
from virtual_kubelet.core.generation import keeps_generations, observed
from virtual_kubelet.core.status import next_status

from tests.unit.vk.pods import Json, container, pod

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"
HOST = "10.0.0.1"


def waiting(reason: str = "Queued") -> Json:
    return {"waiting": {"reason": reason}}


def running() -> Json:
    return {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def ended(code: int | None = 0, **more: Any) -> Json:
    return {"terminated": ({} if code is None else {"exitCode": code}) | more}


def said(name: str, state: Json, **more: Any) -> Json:
    return {"name": name, "state": state, **more}


def report(*containers: Json, inits: list[Json] | None = None) -> PodStatus:
    return PodStatus(UID="u", containers=list(containers), initContainers=inits)


def after(thing: Json, *reports: PodStatus | None, now: str = NOW) -> Json:
    """The pod after these reports."""
    for one in reports:
        thing = thing | {"status": next_status(thing, one, HOST, now)}
    return thing


def phase(thing: Json) -> str:
    found: str = thing["status"]["phase"]
    return found


def condition(thing: Json, kind: str) -> Json:
    found: Json = next(c for c in thing["status"]["conditions"] if c["type"] == kind)
    return found


def state(thing: Json, name: str) -> Json:
    every = [*thing["status"]["containerStatuses"], *thing["status"].get("initContainerStatuses", [])]
    found: Json = next(s["state"] for s in every if s["name"] == name)
    return found


AB = [container("a"), container("b")]

TABLE = [
    ("nothing yet", None, "Pending"),
    ("an empty list says nothing", report(), "Pending"),
    ("all waiting", report(said("a", waiting()), said("b", waiting())), "Pending"),
    ("one runs", report(said("a", running()), said("b", waiting())), "Running"),
    ("one runs, one ended badly", report(said("a", running()), said("b", ended(1))), "Running"),
    ("all ended well", report(said("a", ended()), said("b", ended())), "Succeeded"),
    ("one ended badly", report(said("a", ended()), said("b", ended(3))), "Failed"),
    ("an end without a code is no success", report(said("a", ended(None)), said("b", ended())), "Failed"),
    ("a missing container has not ended", report(said("a", ended())), "Pending"),
    ("an empty state has not ended", report(said("a", ended()), said("b", {})), "Pending"),
    ("two states at once are none", report(said("a", ended()), said("b", {**ended(), **running()})), "Pending"),
    ("a stranger is ignored", report(said("a", ended()), said("b", ended()), said("z", running())), "Succeeded"),
]


@pytest.mark.parametrize(("what", "one", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_the_phase(what: str, one: PodStatus | None, expected: str) -> None:
    assert phase(after(pod(AB), one)) == expected


INITS = [container("i"), container("j")]

INIT_TABLE = [
    ("first runs", [said("i", running()), said("j", waiting())], waiting(), "Never", "Pending"),
    ("second runs, main is said to run", [said("i", ended()), said("j", running())], running(), "Never", "Pending"),
    ("both ended, main runs", [said("i", ended()), said("j", ended())], running(), "Never", "Running"),
    ("first failed", [said("i", ended(1)), said("j", waiting())], waiting(), "Never", "Failed"),
    (
        "first failed, no state after it",
        [said("i", ended(1)), {"name": "j", "state": "odd"}],
        waiting(),
        "Never",
        "Failed",
    ),
    ("first failed, may be retried", [said("i", ended(1)), said("j", waiting())], waiting(), "OnFailure", "Pending"),
    ("first failed and all is over", [said("i", ended(1)), said("j", ended(1))], ended(1), "OnFailure", "Failed"),
    ("never told of, main runs", None, running(), "Never", "Running"),
    ("never told of, main ended well", None, ended(0), "Never", "Succeeded"),
    ("never told of, main ended badly", None, ended(2), "Never", "Failed"),
]


@pytest.mark.parametrize(
    ("what", "inits", "main", "policy", "expected"), INIT_TABLE, ids=[row[0] for row in INIT_TABLE]
)
def test_the_phase_with_init_containers(
    what: str, inits: list[Json] | None, main: Json, policy: str, expected: str
) -> None:
    thing = after(pod([container("a")], INITS, restartPolicy=policy), report(said("a", main), inits=inits))
    assert phase(thing) == expected


def test_a_main_container_waits_for_init_containers() -> None:
    one = report(said("a", running()), inits=[said("i", running()), said("j", waiting())])
    thing = after(pod([container("a")], INITS), one)
    assert state(thing, "a") == {"waiting": {"reason": "PodInitializing"}}
    assert condition(thing, "Initialized")["message"] == "containers with incomplete status: [i j]"


def test_a_native_sidecar_runs_beside_the_others() -> None:
    sidecar = container("s", restartPolicy="Always")
    one = report(said("a", running()), inits=[said("s", running())])
    thing = after(pod([container("a")], [sidecar]), one)
    assert phase(thing) == "Running"
    assert condition(thing, "Initialized")["status"] == "True"
    assert phase(after(thing, report(said("a", ended()), inits=[said("s", ended(143))]))) == "Succeeded"


def test_the_plugin_s_words_are_kept() -> None:
    oom = ended(137, reason="OOMKilled", message="over 2 GiB", signal=9)
    thing = after(pod(), report(said("a", oom)))
    end = state(thing, "a")["terminated"]
    assert (end["exitCode"], end["reason"], end["message"], end["signal"]) == (137, "OOMKilled", "over 2 GiB", 9)


@pytest.mark.parametrize("reason", ["DeadlineExceeded", "Evicted", "JobHeld", "JobLost", "JobRemoved"])
def test_an_end_of_the_whole_job_is_the_pod_s_reason(reason: str) -> None:
    thing = after(pod(), report(said("a", ended(137, reason=reason, message="words of HTCondor"))))
    assert (thing["status"]["reason"], thing["status"]["message"]) == (reason, "words of HTCondor")


def test_readiness_is_the_plugin_s() -> None:
    thing = after(pod(), report(said("a", running(), ready=False)))
    assert phase(thing) == "Running"
    assert condition(thing, "Ready")["status"] == "False"
    assert condition(thing, "ContainersReady")["message"] == "containers with unready status: [a]"
    thing = after(thing, report(said("a", running(), ready=True)))
    assert condition(thing, "Ready")["status"] == "True"


def test_a_minimal_plugin_has_no_word_for_ready() -> None:
    assert condition(after(pod(), report(said("a", running()))), "Ready")["status"] == "True"


def test_readiness_gates_are_heard() -> None:
    gated = pod(readinessGates=[{"conditionType": "example.org/gate"}])
    thing = after(gated, report(said("a", running())))
    assert condition(thing, "ContainersReady")["status"] == "True"
    assert condition(thing, "Ready")["reason"] == "ReadinessGatesNotReady"
    thing["status"]["conditions"].append({"type": "example.org/gate", "status": "True"})
    assert condition(after(thing, report(said("a", running()))), "Ready")["status"] == "True"


def test_an_address_is_shown_only_when_the_site_tells_one_and_stays() -> None:
    said_so = report(said("a", running()))
    said_so.podIP = "192.0.2.7"
    thing = after(pod(), report(said("a", running())))
    assert "podIP" not in thing["status"]
    thing = after(thing, said_so)
    assert (thing["status"]["podIP"], thing["status"]["podIPs"]) == ("192.0.2.7", [{"ip": "192.0.2.7"}])
    said_so.podIP = "192.0.2.8"
    assert after(thing, said_so)["status"]["podIP"] == "192.0.2.7"


@pytest.mark.parametrize("told", ["", "wn7.example.org", "192.0.2.007", "2001:DB8::1"])
def test_what_is_no_address_in_kubernetes_spelling_is_not_shown(told: str) -> None:
    one = report(said("a", running()))
    one.podIP = told
    assert "podIP" not in after(pod(), one)["status"]


def test_a_pod_that_the_site_took_away_is_a_disruption() -> None:
    evicted = report(said("a", ended(137, reason="Evicted", message="lost its worker node")))
    evicted.disruption = "lost its worker node"
    thing = after(pod(), evicted)
    found = condition(thing, "DisruptionTarget")
    assert (found["status"], found["reason"]) == ("True", "TerminationByKubelet")
    assert found["message"] == "lost its worker node"


def test_who_ended_well_or_failed_by_itself_was_not_disrupted() -> None:
    done = report(said("a", ended(0)))
    done.disruption = "too late"
    for one in (done, report(said("a", ended(137, reason="OOMKilled")))):
        kinds = {c["type"] for c in after(pod(), one)["status"]["conditions"]}
        assert "DisruptionTarget" not in kinds


def test_what_others_keep_in_a_status_stays() -> None:
    foreign = {"qosClass": "Burstable", "resize": "Proposed", "nominatedNodeName": "n"}
    shown = after(pod(status=foreign), report(said("a", running())))["status"]
    assert {key: shown[key] for key in foreign} == foreign


def test_a_status_says_which_generation_it_is_about() -> None:
    thing = after(pod(), report(said("a", running())))
    thing["status"]["conditions"].append({"type": "example.org/mine", "status": "True"})
    made = observed(thing["status"], 3)
    assert made["observedGeneration"] == 3
    told = {c["type"]: c.get("observedGeneration") for c in made["conditions"]}
    assert (told["Ready"], told["ContainersReady"], told["example.org/mine"]) == (3, 3, None)
    assert observed(thing["status"], None) == thing["status"]
    later = after(thing | {"status": made}, report(said("a", running())), now=LATER)
    assert observed(later["status"], 3) == made


@pytest.mark.parametrize(
    ("version", "keeps"), [("v1.34.4", True), ("v1.35.0-rc.1", True), ("v1.33.9", False), ("v2.0.0", True), ("", False)]
)
def test_who_does_not_keep_generations_is_not_told_them(version: str, keeps: bool) -> None:
    assert keeps_generations(version) is keeps


def test_a_real_restart_is_shown_and_a_flapping_plugin_is_not() -> None:
    thing = after(pod(restartPolicy="Always"), report(said("a", running()), said("b", running())))
    thing = pod([container("a"), container("b")], restartPolicy="Always") | {"status": thing["status"]}
    thing = after(thing, report(said("a", ended(1)), said("b", running())))
    flapped = after(thing, report(said("a", running()), said("b", running())))
    assert "terminated" in state(flapped, "a")
    restarted = after(thing, report(said("a", running(), restartCount=1), said("b", running())))
    assert "running" in state(restarted, "a")
    (entry,) = [s for s in restarted["status"]["containerStatuses"] if s["name"] == "a"]
    assert entry["lastState"]["terminated"]["exitCode"] == 1


@pytest.mark.parametrize(
    ("policy", "code", "restarts"),
    [("Never", 1, False), ("OnFailure", 1, True), ("OnFailure", 0, False), ("Always", 0, True)],
)
def test_who_may_be_restarted(policy: str, code: int, restarts: bool) -> None:
    """As the API server judges: it refuses the whole status otherwise."""
    thing = after(pod(AB, restartPolicy=policy), report(said("a", ended(code)), said("b", running())))
    thing = after(thing, report(said("a", running(), restartCount=1), said("b", running())))
    assert ("running" in state(thing, "a")) is restarts


CRASHED = {"lastState": ended(1), "restartCount": 2}


def test_a_container_that_waits_to_be_restarted_says_so() -> None:
    thing = after(pod(AB, restartPolicy="Always"), report(said("a", ended(1)), said("b", running())))
    loop = report(said("a", waiting("CrashLoopBackOff"), lastState=ended(1)), said("b", running()))
    thing = after(thing, loop)
    assert state(thing, "a") == waiting("CrashLoopBackOff")
    assert after(thing, loop, now=LATER) == thing
    gone = after(pod(AB), report(said("a", ended(1)), said("b", running())), loop)
    assert "terminated" in state(gone, "a"), "where nothing is restarted, it ended"


def test_a_pod_whose_containers_crash_before_they_are_seen_is_running() -> None:
    crashed = said("a", waiting("CrashLoopBackOff"), **CRASHED)
    assert phase(after(pod(restartPolicy="Always"), report(crashed))) == "Running"


SIDECAR = [container("i", restartPolicy="Always")]


def test_a_sidecar_must_have_started_once() -> None:
    starting = report(said("a", waiting()), inits=[said("i", running(), started=False)])
    thing = after(pod(None, SIDECAR), starting)
    assert condition(thing, "Initialized")["message"] == "containers with incomplete status: [i]"
    assert state(thing, "a") == waiting("PodInitializing")
    up = report(said("a", running()), inits=[said("i", running(), started=True)])
    thing = after(thing, up)
    assert (condition(thing, "Initialized")["status"], condition(thing, "Ready")["status"]) == ("True", "True")


def test_a_sidecar_that_crashes_makes_the_pod_unready_and_nothing_else() -> None:
    up = report(said("a", running()), inits=[said("i", running(), started=True)])
    down = report(said("a", running()), inits=[said("i", waiting("CrashLoopBackOff"), **CRASHED)])
    thing = after(pod(None, SIDECAR), up, down)
    assert (phase(thing), condition(thing, "Initialized")["status"]) == ("Running", "True")
    assert condition(thing, "Ready")["message"] == "containers with unready status: [i]"
    assert "running" in state(thing, "a")


@pytest.mark.parametrize("inits", [None, [said("i", waiting()), said("j", waiting())]])
def test_running_is_never_pending_again(inits: list[Json] | None) -> None:
    done = [said("i", ended()), said("j", ended())] if inits else None
    thing = after(pod(AB, INITS if inits else None), report(said("a", running()), said("b", running()), inits=done))
    assert phase(thing) == "Running"
    again = after(thing, report(said("a", waiting()), said("b", waiting()), inits=inits))
    assert phase(again) == "Running"


def test_bad_times_do_not_spoil_the_status() -> None:
    thing = after(pod(), report(said("a", ended(0, startedAt="yesterday", finishedAt="0001-01-01T00:00:00Z"))))
    end = state(thing, "a")["terminated"]
    assert end["startedAt"] is None and end["finishedAt"] is None


def test_times_are_written_as_the_api_server_gives_them_back() -> None:
    thing = after(pod(), report(said("a", {"running": {"startedAt": "2026-01-01T02:00:00.123+02:00"}})))
    assert state(thing, "a")["running"]["startedAt"] == "2026-01-01T00:00:00Z"


def test_other_controllers_conditions_stay() -> None:
    foreign = {"type": "example.org/mine", "status": "True", "lastTransitionTime": "2025-01-01T00:00:00Z"}
    thing = after(pod(status={"conditions": [foreign]}), report(said("a", running())))
    assert condition(thing, "example.org/mine") == foreign


def test_not_offloaded_containers_never_block_the_end() -> None:
    apart = pod(AB, metadata={"annotations": {"interlink.eu/disable-offload-containers": "b"}})
    assert phase(after(apart, report(said("a", ended())))) == "Succeeded"


def test_a_refused_pod_says_why() -> None:
    refused = status.refused(pod(AB), "too much memory", HOST, NOW)
    assert (refused["phase"], refused["reason"], refused["message"]) == ("Failed", "ProviderFailed", "too much memory")
    assert all(s["state"]["terminated"]["exitCode"] == 1 for s in refused["containerStatuses"])


def test_a_waiting_pod_says_why_once() -> None:
    first = status.waiting(pod(AB), "CreateContainerConfigError", "no such secret", HOST, NOW)
    again = status.waiting(pod(AB, status=first), "CreateContainerConfigError", "no such secret", HOST, LATER)
    assert first == again
    assert first["containerStatuses"][0]["state"]["waiting"]["message"] == "no such secret"


def test_a_deleted_pod_keeps_the_ends_it_had() -> None:
    thing = after(pod(AB), report(said("a", ended(0)), said("b", running())))
    gone = status.deleted(thing, HOST, LATER)
    codes = {s["name"]: s["state"]["terminated"]["exitCode"] for s in gone["containerStatuses"]}
    assert (gone["phase"], codes) == ("Failed", {"a": 0, "b": 137})


# whatever a plugin says

NAMES = ["a", "b", "z"]
STATES = st.one_of(
    st.just({}),
    st.none(),
    st.builds(waiting),
    st.builds(running),
    st.builds(ended, st.sampled_from([None, 0, 0, 1, 137])),
    st.just({"running": {}, "terminated": {"exitCode": 0}}),
    st.just({"terminated": {"exitCode": "0"}}),
    st.just({"running": None}),
    st.just("nonsense"),
)
ENTRIES = st.builds(
    lambda name, state, count, ready, last: {
        "name": name,
        "state": state,
        "restartCount": count,
        "ready": ready,
        "lastState": last,
    },
    st.sampled_from(NAMES),
    STATES,
    st.sampled_from([0, 0, 1, 2, None]),
    st.sampled_from([True, False, None]),
    st.sampled_from([{}, None, ended(0), ended(1), ended(None)]),
)
REPORTS = st.builds(
    lambda mains, inits: PodStatus(UID="u", containers=mains, initContainers=inits),
    st.one_of(st.none(), st.lists(ENTRIES, max_size=3)),
    st.one_of(
        st.none(), st.lists(ENTRIES.map(lambda e: {**e, "name": {"a": "i", "b": "j"}.get(e["name"], "z")}), max_size=3)
    ),
)
PODS = st.builds(
    lambda policy, inits: pod(AB, inits, restartPolicy=policy),
    st.sampled_from(["Never", "OnFailure", "Always"]),
    st.sampled_from([None, INITS, [container("i", restartPolicy="Always"), container("j")]]),
)
STANDARD = {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"}


def ends(thing: Json) -> dict[str, tuple[int, int]]:
    every = [*thing["status"].get("containerStatuses", []), *thing["status"].get("initContainerStatuses", [])]
    return {
        s["name"]: (s["restartCount"], s["state"]["terminated"]["exitCode"])
        for s in every
        if "terminated" in s["state"]
    }


@given(PODS, st.lists(REPORTS, min_size=1, max_size=6))
def test_what_holds_whatever_a_plugin_says(thing: Json, reports: list[PodStatus]) -> None:
    for one in reports:
        before, thing = thing, after(thing, one, now=LATER)
        shown = thing["status"]
        # every container is listed, in order, each in exactly one state, every end with a code
        assert [s["name"] for s in shown["containerStatuses"]] == ["a", "b"]
        inits = [c["name"] for c in thing["spec"].get("initContainers", [])]
        assert [s["name"] for s in shown.get("initContainerStatuses", [])] == inits
        for entry in [*shown["containerStatuses"], *shown.get("initContainerStatuses", [])]:
            assert len(entry["state"]) == 1
            assert isinstance(entry["state"].get("terminated", {"exitCode": 0})["exitCode"], int)
        assert {c["type"] for c in shown["conditions"]} >= STANDARD
        # no way back
        if phase(before) in ("Succeeded", "Failed"):
            assert thing == before
        if phase(before) == "Running":
            assert phase(thing) != "Pending"
        now_ended = ends(thing)
        for name, (count, _code) in ends(before).items():
            restarted = next(
                s["restartCount"] > count
                for s in [*shown["containerStatuses"], *shown.get("initContainerStatuses", [])]
                if s["name"] == name
            )
            waits_again = any(
                s["name"] == name and "waiting" in s["state"] and "terminated" in s["lastState"]
                for s in [*shown["containerStatuses"], *shown.get("initContainerStatuses", [])]
            )
            assert name in now_ended or restarted or waits_again
            if thing["spec"]["restartPolicy"] == "Never" and name in ("a", "b"):
                assert now_ended[name] == ends(before)[name]
        # success has proof
        if phase(thing) == "Succeeded":
            assert all(now_ended[name][1] == 0 for name in ("a", "b"))


@given(PODS, st.lists(REPORTS, min_size=1, max_size=4))
def test_saying_it_again_changes_nothing(thing: Json, reports: list[PodStatus]) -> None:
    thing = after(thing, *reports, now=NOW)
    assert after(thing, reports[-1], now=LATER) == thing


@given(PODS, st.lists(REPORTS, min_size=2, max_size=5))
def test_a_condition_s_time_changes_only_with_it(thing: Json, reports: list[PodStatus]) -> None:
    for number, one in enumerate(reports):
        before, thing = thing, after(thing, one, now=f"2026-01-01T00:00:{number:02}Z")
        old = {c["type"]: c for c in before["status"].get("conditions", [])}
        for entry in thing["status"]["conditions"]:
            was = old.get(entry["type"])
            if was is not None:
                assert (was["status"] == entry["status"]) == (was["lastTransitionTime"] == entry["lastTransitionTime"])


def test_a_pod_that_was_ended_as_a_whole_failed_though_its_containers_left_with_0() -> None:
    told = report(said("a", ended(0)))
    told.reason, told.message = "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"
    thing = after(pod(), report(said("a", running())), told)
    assert phase(thing) == "Failed"
    assert (thing["status"]["reason"], thing["status"]["message"]) == (told.reason, told.message)
    assert state(thing, "a")["terminated"]["reason"] == "Completed"


@pytest.mark.parametrize("reason", ["Queued", "Pending", "Staging", "ContainerCreating"])
def test_init_containers_on_their_way_are_initializing_as_under_a_kubelet(reason: str) -> None:
    thing = after(pod(inits=[container("first"), container("second")]), None)
    for told in (
        None,
        report(said("a", waiting(reason)), inits=[said("first", waiting(reason)), said("second", waiting(reason))]),
    ):
        thing = after(thing, told)
        assert {state(thing, name)["waiting"]["reason"] for name in ("first", "second", "a")} == {"PodInitializing"}


def test_what_keeps_an_init_container_is_told() -> None:
    inits = [said("first", waiting("ErrImagePull"))]
    thing = after(pod(inits=[container("first")]), report(said("a", waiting()), inits=inits))
    assert state(thing, "first")["waiting"]["reason"] == "ErrImagePull"


def test_a_failed_init_container_fails_a_pod_and_leaves_those_behind_it_waiting() -> None:
    never = ended(1, reason="Error", message="not started: init container first ended with exit code 3")
    inits = [said("first", ended(3, startedAt=NOW, finishedAt=NOW)), said("second", never)]
    thing = after(pod(inits=[container("first"), container("second")]), report(said("a", never), inits=inits))
    assert phase(thing) == "Failed"
    assert [state(thing, name)["waiting"]["reason"] for name in ("second", "a")] == ["PodInitializing"] * 2
    assert "first ended with exit code 3" in state(thing, "a")["waiting"]["message"]
