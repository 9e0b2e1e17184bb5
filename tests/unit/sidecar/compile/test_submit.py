"""Nothing of a user's gets into a submit description; what the operator adds can't break it either."""

import re

import classad2
import pytest
from condor_sidecar.core.compile.submit import NEVER_STARTED, UnsafeSubmit, checked
from condor_sidecar.core.policy import EndpointMode, Policy
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sidecar.compile.pods import compiled, container, pod

MARK = "kaninchen"
MARKED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(
    lambda text: f"{MARK}{text}"
)


@given(MARKED, MARKED, MARKED, MARKED)
def test_no_text_of_the_pod_reaches_the_submit_description(
    value: str, argument: str, directory: str, content: str
) -> None:
    plan = compiled(
        pod(
            container(
                env=[{"name": MARK, "value": value}],
                command=[argument],
                workingDir=f"/{directory}",
                volumeMounts=[{"name": MARK, "mountPath": f"/x/{directory}"}],
            ),
            volumes=[{"name": MARK, "configMap": {"name": MARK}}],
        ),
        config_maps={MARK: {"data": {MARK: content}}},
    )
    assert MARK not in repr(plan.submit)
    assert not any(re.search(r"[\x00-\x1f\x7f$]", key + text) for key, text in plan.submit.items())


def test_secrets_and_arguments_can_t_be_guessed_from_the_plan_s_hash() -> None:
    def hash_of(value: str, secret: bytes) -> str:
        made = pod(
            container(
                args=[value], env=[{"name": "A", "value": value}], volumeMounts=[{"name": "s", "mountPath": "/s"}]
            ),
            volumes=[{"name": "s", "secret": {"secretName": "s"}}],
        )
        return compiled(made, secrets={"s": {"pin": secret}}).plan_hash

    assert hash_of("a", b"1234") == hash_of("b", b"9999")
    assert hash_of("a", b"1234") != compiled(pod()).plan_hash


def test_one_pod_and_policy_always_give_one_plan() -> None:
    assert compiled(pod()) == compiled(pod())
    assert compiled(pod()).plan_hash != compiled(pod(), Policy(mode=EndpointMode.CE)).plan_hash


def test_the_operator_s_own_lines_are_taken() -> None:
    submit = compiled(pod(), Policy(submit_extra={"accounting_group": "x", "requirements": "HasX || HasY"})).submit
    assert submit["accounting_group"] == "x"
    assert submit["requirements"].endswith(" && (HasX || HasY)"), "they narrow where the job may run"
    assert "NumJobStarts == 0" in submit["requirements"], "and never let it run twice"


@pytest.mark.parametrize(
    ("job", "may_run"),
    [
        ({"QDate": 9}, True),
        ({"QDate": 9, "NumJobStarts": 0, "JobStartDate": 9}, True),  # its shadow tried
        ({"QDate": 9, "NumJobStarts": 1, "JobStartDate": 9}, False),
        ({"QDate": 9, "NumJobStarts": 0, "JobStartDate": 5}, False),  # routed again, with the first start's date
    ],
)
def test_no_job_is_matched_again_once_it_has_started(job: dict[str, int], may_run: bool) -> None:
    wish = classad2.ExprTree(NEVER_STARTED.replace("MY.", ""))
    assert wish.eval(classad2.ClassAd(job)) is may_run
    denied = classad2.ExprTree("!" + NEVER_STARTED.replace("MY.", ""))
    assert denied.eval(classad2.ClassAd(job)) is not may_run, "one operand, whatever it stands beside"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", "x\n+Evil = True"),
        ("a", "$(HOME)"),
        ("a", "$ENV(X)"),
        ("a", "\x1f"),
        ("a\nqueue", "x"),
        ("+a", "x"),
        ("", "x"),
        ("a", "\x85"),
    ],
)
def test_what_could_change_the_description_s_meaning_is_refused(key: str, value: str) -> None:
    with pytest.raises(UnsafeSubmit):
        checked({key: value})
