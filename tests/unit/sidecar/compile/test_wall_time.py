"""How long the job may run, and when the supervisor ends the pod."""

from typing import Any

import pytest
from condor_sidecar.core.compile.wall_time import duration
from condor_sidecar.core.policy import Policy, WallTime

from tests.unit.sidecar.compile.pods import Json, compiled, job_of, pod, reasons

POLICY = Policy(wall_time=WallTime(default_seconds=7200, max_seconds=86400, margin_seconds=60))


def asking(annotation: str | None = None, **spec: Any) -> Json:
    made = pod(**spec)
    if annotation is not None:
        made["metadata"]["annotations"]["htcondor-job.vk.io/max-walltime"] = annotation
    return made


@pytest.mark.parametrize(
    ("made", "wall", "deadline"),
    [
        (asking(), 7200, 7200 - 90),
        (asking("1h"), 3600, 3600 - 90),
        (asking("1h30m"), 5400, 5400 - 90),
        (asking("86400"), 86400, 86400 - 90),
        (asking(terminationGracePeriodSeconds=0), 7200, 7200 - 60),
        (asking(terminationGracePeriodSeconds=600), 7200 + 570, 7200 - 90),
        (asking(activeDeadlineSeconds=100), 190, 100),
        (asking("1h", activeDeadlineSeconds=100), 3600, 100),
        (asking("5m", activeDeadlineSeconds=1000), 300, 300 - 90),
        (asking(activeDeadlineSeconds=86400 - 90), 86400, 86400 - 90),
    ],
)
def test_the_pod_is_ended_early_enough_for_its_grace_period_and_its_logs(made: Json, wall: int, deadline: int) -> None:
    plan = compiled(made, POLICY)
    assert (plan.wall_seconds, job_of(plan).deadline_seconds) == (wall, deadline)
    assert plan.submit["MY.maxWallTime"] == str(-(-wall // 60))
    assert int(plan.submit["allowed_execute_duration"]) > wall


def test_the_pod_s_own_deadline_is_reported_in_a_kubelet_s_words() -> None:
    assert job_of(compiled(asking(activeDeadlineSeconds=100), POLICY)).deadline_message == (
        "Pod was active on the node longer than the specified deadline"
    )
    assert "wall time of 7200 s" in job_of(compiled(asking(), POLICY)).deadline_message


def test_the_grace_period_is_given_to_the_job() -> None:
    plan = compiled(asking(terminationGracePeriodSeconds=45), POLICY)
    assert (plan.grace_seconds, job_of(plan).grace_seconds) == (45, 45)
    assert int(plan.submit["job_max_vacate_time"]) > 45


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            asking("soon"),
            '"soon" is not a duration: write seconds, or hours, minutes and seconds as in 1h30m'
            ' (metadata.annotations["htcondor-job.vk.io/max-walltime"])',
        ),
        (
            asking("60"),
            "a wall time of 60 s can't be given at this site: use 91 to 86400"
            ' (metadata.annotations["htcondor-job.vk.io/max-walltime"])',
        ),
        (
            asking("25h"),
            "a wall time of 90000 s can't be given at this site: use 91 to 86400"
            ' (metadata.annotations["htcondor-job.vk.io/max-walltime"])',
        ),
        (
            asking(activeDeadlineSeconds=86400),
            "a deadline of 86400 s can't be given at this site: use 1 to 86310 (activeDeadlineSeconds)",
        ),
        (
            asking(terminationGracePeriodSeconds=3600),
            "a grace period of 3600 s can't be given at this site: use 0 to 600 (terminationGracePeriodSeconds)",
        ),
    ],
)
def test_times_that_the_site_can_t_give_are_rejected(made: Json, reason: str) -> None:
    assert reasons(made, POLICY) == (reason,)


def test_a_long_grace_period_leaves_the_pod_its_time_as_far_as_the_site_has_it() -> None:
    short = Policy(wall_time=WallTime(default_seconds=660, max_seconds=720, margin_seconds=60))
    plan = compiled(asking(terminationGracePeriodSeconds=300), short)
    assert (plan.wall_seconds, job_of(plan).deadline_seconds) == (720, 360)


@pytest.mark.parametrize("more", [{}, {"activeDeadlineSeconds": 5}])
def test_a_grace_period_that_leaves_nothing_is_rejected(more: Json) -> None:
    shortest = Policy(wall_time=WallTime(default_seconds=600, max_seconds=600, margin_seconds=60))
    assert reasons(asking(terminationGracePeriodSeconds=600, **more), shortest) == (
        "a grace period of 600 s leaves nothing of this site's longest wall time of 600 s: use less"
        " (terminationGracePeriodSeconds)",
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1h1m1s", 3661),
        ("", None),
        ("1d", None),
        ("1h30", None),
        ("-5", None),
        ("1.5h", None),
        ("h", None),
        ("٣", None),
    ],
)
def test_durations_are_read_as_go_writes_them(text: str, seconds: int | None) -> None:
    assert duration(text) == seconds
