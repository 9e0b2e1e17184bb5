"""What is done about jobs: holds, evictions, duplicates, adoption; and what is said about failures and tokens."""

import base64
import json
from typing import Any

import pytest
from condor_sidecar.core.adoption import adopt
from condor_sidecar.core.duplicates import choose
from condor_sidecar.core.failure import classify
from condor_sidecar.core.policy import EndpointMode
from condor_sidecar.core.reaction import HoldRules, Reaction, react
from condor_sidecar.core.token_reading import explain
from condor_sidecar.model.calls import FailureKind
from condor_sidecar.model.job_ad import JobAd, typed_attributes

NOW = 1_800_000_000.0
SCHEDD, CE = EndpointMode.SCHEDD, EndpointMode.CE


def ad(status: int = 1, *, age: int = 10, **more: Any) -> JobAd:
    return JobAd(**{"cluster": 1, "proc": 0, "uid": "u", "status": status, "entered_status": int(NOW) - age, **more})


def held(code: int, *, age: int = 10, starts: int = 0, **more: Any) -> JobAd:
    return ad(5, age=age, hold_code=code, starts=starts, hold_reason="words", **more)


@pytest.mark.parametrize(
    ("mode", "job", "releases", "expected"),
    [
        (SCHEDD, ad(1), 0, Reaction.WAIT),
        (SCHEDD, ad(2, starts=1), 0, Reaction.WAIT),
        (SCHEDD, ad(4, starts=1), 0, Reaction.FETCH),
        (SCHEDD, ad(3), 0, Reaction.END),
        # at most once: what started and is idle again must not start again
        (SCHEDD, ad(1, starts=1), 0, Reaction.END),
        (CE, ad(1, starts=1), 0, Reaction.END),
        (CE, ad(1, starts=0, routed_to="7.0", first_started=int(NOW) - 60), 0, Reaction.END),
        (CE, ad(1, age=9, starts=0, routed_to="7.0", first_started=int(NOW) - 3), 0, Reaction.WAIT),
        (CE, ad(1, age=1, starts=0, routed_to="7.0", first_started=int(NOW) - 3), 0, Reaction.END),
        (CE, ad(1, age=9, starts=1, routed_to="7.0", first_started=int(NOW) - 3), 0, Reaction.END),
        # a schedd's own job has a date as soon as a shadow tried; it counts starts itself
        (SCHEDD, ad(1, starts=0, first_started=int(NOW) - 60), 0, Reaction.WAIT),
        (SCHEDD, held(16), 0, Reaction.WAIT),
        (SCHEDD, held(1, age=10**6), 0, Reaction.WAIT),
        (SCHEDD, held(12), 0, Reaction.RELEASE),
        (SCHEDD, held(6), 1, Reaction.RELEASE),
        (SCHEDD, held(13), 2, Reaction.END),
        (SCHEDD, held(12, starts=1), 0, Reaction.END),
        (SCHEDD, held(34), 0, Reaction.END),
        (SCHEDD, held(46), 0, Reaction.END),
        (SCHEDD, held(3), 0, Reaction.END),
        (SCHEDD, held(999), 0, Reaction.WAIT),
        (SCHEDD, held(999, age=2000), 0, Reaction.END),
        # the release of a compute element's job doesn't reach the routed one that is held
        (CE, held(12, hold_copied=True), 0, Reaction.WAIT),
        (CE, held(12, age=2000, hold_copied=True), 0, Reaction.RESUBMIT),
        (CE, held(12, age=2000, hold_copied=True, generation=2), 0, Reaction.END),
        (CE, held(12, age=2000, hold_copied=True, starts=1), 0, Reaction.END),
        (CE, held(26), 0, Reaction.END),
    ],
)
def test_reaction(mode: EndpointMode, job: JobAd, releases: int, expected: Reaction) -> None:
    rules = HoldRules(mode, 1800)
    decision = react(job, rules, NOW, releases=releases, wall_seconds=3600)
    assert decision.reaction is expected
    assert (decision.end is not None) == (expected is Reaction.END)
    if decision.end is not None:
        assert decision.end.exit_code != 0


def test_an_eviction_after_the_wall_time_is_the_wall_time() -> None:
    job = ad(1, age=0, starts=1, first_started=int(NOW) - 3600)
    decision = react(job, HoldRules(CE, 1800), NOW, releases=0, wall_seconds=3600)
    assert decision.end is not None
    assert decision.end.reason == "DeadlineExceeded"


@pytest.mark.parametrize(
    ("jobs", "kept"),
    [
        ([ad(cluster=2), ad(cluster=1)], 1),
        ([ad(cluster=1), ad(cluster=2, generation=2)], 2),
        ([ad(2, cluster=1, starts=1), ad(cluster=2, generation=2)], 1),
        ([held(16, cluster=1, generation=3), ad(cluster=2)], 2),
        # a removed job stays for a while; one that ran counts all the same, or its pod would run twice
        ([ad(3, cluster=1), held(16, cluster=2, generation=2)], 2),
        ([ad(3, cluster=1, starts=1), ad(cluster=2, generation=2)], 1),
    ],
)
def test_one_of_several_jobs_is_kept(jobs: list[JobAd], kept: int) -> None:
    choice = choose(jobs)
    assert choice.kept.cluster == kept
    assert len(choice.surplus) == len(jobs) - 1


def test_a_record_is_rebuilt_from_a_jobs_attributes() -> None:
    record = adopt(ad(containers="s:proxy i:setup m:main m:helper", namespace="ns", name="n", generation=3))
    assert record is not None
    assert [(c.kind.value, c.name) for c in record.containers] == [
        ("sidecar", "proxy"),
        ("init", "setup"),
        ("main", "main"),
        ("main", "helper"),
    ]
    assert (record.namespace, record.name, record.generation, record.attempted) == ("ns", "n", 3, True)


@pytest.mark.parametrize("containers", [None, "", "x:y", "m:", "nonsense"])
def test_a_job_that_describes_no_pod_is_not_adopted(containers: str | None) -> None:
    assert adopt(ad(containers=containers)) is None


@pytest.mark.parametrize(
    ("text", "before", "kind"),
    [
        ("Failed to connect to schedd, errmsg=AUTHENTICATE:1003:Failed to", True, FailureKind.REFUSED_LOGIN),
        ("Failed to fetch ads, errmsg=SECMAN:2010:Received DENIED", True, FailureKind.DENIED),
        ("SECMAN:2007:Failed to end classad message", True, FailureKind.UNREACHABLE),
        ('SCHEDD:2:Setting owner to "ghost"', True, FailureKind.REFUSED),
        ("something new", True, FailureKind.REFUSED),
        ("something new", False, FailureKind.UNKNOWN),
        ("AUTHENTICATE:1003", False, FailureKind.UNKNOWN),
    ],
)
def test_failures_are_told_apart(text: str, before: bool, kind: FailureKind) -> None:
    assert classify(text, nothing_happened=before).kind is kind


def test_attributes_of_another_type_are_left_out() -> None:
    found = typed_attributes({"ClusterId": 1, "JobStatus": "2", "ExitCode": True, "HoldReason": 5, "QDate": 3.7})
    assert found == {"ClusterId": 1, "QDate": 3}


def token(**claims: Any) -> str:
    good = {
        "iss": "https://iam/",
        "sub": "me",
        "aud": "https://ce:9618",
        "wlcg.ver": "1.0",
        "exp": NOW + 600,
        "scope": "compute.read compute.create compute.modify compute.cancel",
    }
    body = {key: value for key, value in {**good, **claims}.items() if value is not None}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b'=').decode()}.c2ln"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("no token", "not hold a JSON Web Token"),
        ("a.b.c", "not hold a JSON Web Token"),
        (token(exp=NOW - 30), "expired 30 s ago"),
        (token(nbf=NOW + 300), "not valid for another 300 s"),
        (token(aud=None), "no audience"),
        (token(scope="compute.read compute.create"), "lacks the scopes compute.modify compute.cancel"),
        (token(scope=["compute.read"]), "lacks the scopes"),
        (token(**{"wlcg.ver": None}), "WLCG profile"),
        (token(aud=["x", "y"]), "audience x y"),
        (token(), "subject me"),
    ],
)
def test_our_own_token_is_read_before_a_site_is_blamed(text: str, words: str) -> None:
    assert words in explain(text, NOW)
