"""What pods may ask of the endpoint by annotations, each only where the site allows it."""

from dataclasses import replace
from typing import Any

import pytest
from condor_sidecar.core.compile.annotations import PREFIX, READERS, unquoted
from condor_sidecar.core.compile.submit import NEVER_STARTED
from condor_sidecar.core.policy import EndpointMode, Policy
from condor_sidecar.pod_settings import PodPolicy
from pydantic import ValidationError

from tests.unit.sidecar.compile.pods import POLICY, Json, compiled, container, first, job_of, pod, reasons
from tests.unit.sidecar.compile.test_volumes import mounting

ALL = replace(
    POLICY,
    user_annotations=frozenset(READERS),
    accounting_groups=("group_cms", "group_atlas.*"),
    requirements={"eos": "TARGET.HasEos", "big": "TARGET.TotalDisk > 1000 || TARGET.Big"},
    apptainer_options=("--no-privs", "--dns=1.1.1.1"),
)
GPU = container(resources={"limits": {"nvidia.com/gpu": "1"}})
TOKEN: Json = {
    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "kube-root-ca.crt"}}]}
}


def annotated(of: Json | None = None, **annotations: str) -> Json:
    """A pod with these annotations; `_` for `-`."""
    asking = of or pod()
    asking["metadata"]["annotations"] |= {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
    return asking


@pytest.mark.parametrize("mode", list(EndpointMode))
def test_a_model_of_gpu_becomes_an_expression_of_its_name(mode: EndpointMode) -> None:
    submit = compiled(annotated(pod(GPU), gpu_model="NVIDIA A100-SXM4-40GB"), replace(ALL, mode=mode)).submit
    assert (submit["request_gpus"], submit["require_gpus"]) == ("1", 'DeviceName == "NVIDIA A100-SXM4-40GB"')


@pytest.mark.parametrize("text", ['x" || true', "a\nb", "$(X)", "", "a\\", " a", "A" * 200])
def test_a_model_that_is_no_name_is_rejected(text: str) -> None:
    (reason,) = reasons(annotated(pod(GPU), gpu_model=text), ALL)
    assert "is not the name of a GPU" in reason


def test_a_model_for_a_pod_without_gpus_is_rejected() -> None:
    assert reasons(annotated(gpu_model="A100"), ALL) == (
        "htcondor-job.vk.io/gpu-model names a GPU, but no container asks for one: add a limit (metadata.annotations)",
    )


def test_an_accounting_group_is_one_of_the_site_s_and_wins_over_the_endpoint_s() -> None:
    policy = replace(ALL, submit_extra={"accounting_group": "group_all"})
    assert (
        compiled(annotated(accounting_group="group_atlas.prod"), policy).submit["accounting_group"]
        == "group_atlas.prod"
    )
    assert compiled(pod(), policy).submit["accounting_group"] == "group_all"


def test_requirements_are_chosen_by_name_and_all_hold() -> None:
    policy = replace(ALL, submit_extra={"requirements": "HasX"})
    assert compiled(annotated(requirements="big, eos big"), policy).submit["requirements"] == (
        f"{NEVER_STARTED} && (HasX) && (TARGET.TotalDisk > 1000 || TARGET.Big) && (TARGET.HasEos)"
    )


def test_options_of_apptainer_are_chosen_by_their_words() -> None:
    assert job_of(compiled(annotated(singularity_options="--dns=1.1.1.1"), ALL)).runtime_options == ["--dns=1.1.1.1"]


@pytest.mark.parametrize("key", [PREFIX + "image-root", "htcondor-job.knoc.io/image-root"])
def test_images_are_looked_for_below_the_pod_s_own_root_first(key: str) -> None:
    asking = pod()
    asking["metadata"]["annotations"][key] = "/cvmfs/lab.example.org/"
    candidates = first(compiled(asking, ALL)).image.candidates
    assert candidates[0] == "/cvmfs/lab.example.org/hello:1"
    assert "/cvmfs/unpacked.example.org/hello:1" in candidates


@pytest.mark.parametrize(("text", "kept"), [("true", True), ("false", False)])
def test_a_pod_s_token_is_kept_where_it_may_ask_for_that(text: str, kept: bool) -> None:
    name = "kube-api-access-x2b4q"
    asking = annotated(mounting(TOKEN, name=name), keep_sa_token=text)
    plan = compiled(asking, ALL, projected={name: {"token": "T"}})
    assert bool(job_of(plan).volumes) is kept


def test_quotes_that_other_peers_need_are_taken_off() -> None:
    asking = pod(container(command=["bash", "-c"], args=["'echo $X & wait'", "'a'"]))
    exact, legacy = first(compiled(asking, ALL)), first(compiled(annotated(asking, arg_quoting="legacy"), ALL))
    assert (exact.args, legacy.args) == (["'echo $X & wait'", "'a'"], ["echo $X & wait", "'a'"])
    assert legacy.command == ["bash", "-c"]
    assert unquoted(["-c", '"']) == ["-c", '"']
    assert unquoted(["-c", '"it\'s"']) == ["-c", "it's"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("accounting_group", "group_lhcb", '"group_lhcb" may not be used (this site allows: group_cms, group_atlas.*)'),
        ("accounting_group", "group_atlas.x\nqueue 9", "may not be used"),
        ("requirements", "true || eos", '"true" is not among what this site offers here (eos, big)'),
        ("singularity_options", "--bind=/:/host", "is not among what this site offers here (--no-privs, --dns=1.1.1.1)"),
        ("image_root", "/home/x", '"/home/x" is not below what this site has of unpacked images (/cvmfs)'),
        ("image_root", "/cvmfs/../home", '"/home" is not below'),
        ("keep_sa_token", "yes", '"yes" is neither true nor false'),
        ("arg_quoting", "", '"" is neither legacy nor exact'),
        ("request_disk", "12Q", '"12Q" is not a Kubernetes quantity'),
        ("max_walltime", "soon", '"soon" is not a duration'),
        ("restart_on_evict", "true", "a pod runs at most once at this site"),
        ("pre_exec", "module load x", "nothing is run outside of the pod's containers at this site"),
        ("flags", "-x", 'annotation "htcondor-job.vk.io/flags" is not known to this endpoint: remove it'),
    ],
)  # fmt: skip
def test_what_the_site_doesn_t_offer_is_rejected_by_its_key(key: str, value: str, words: str) -> None:
    found = reasons(annotated(None, **{key: value}), ALL)
    assert any(words in reason for reason in found), found
    assert all(f'metadata.annotations["{PREFIX}{key.replace("_", "-")}"]' in reason for reason in found)


@pytest.mark.parametrize("name", sorted(READERS))
def test_each_may_be_used_only_where_the_site_allows_it(name: str) -> None:
    key = PREFIX + name
    asking = pod()
    asking["metadata"]["annotations"][key] = "x"
    assert reasons(asking, Policy(user_annotations=frozenset())) == (
        f'annotation "{key}" may not be used at this site: remove it (metadata.annotations["{key}"])',
    )


def test_commands_of_the_mesh_are_not_run() -> None:
    asking = pod()
    asking["metadata"]["annotations"]["slurm-job.vk.io/pre-exec"] = "curl x | sh"
    assert "nothing is run outside of the pod's containers" in reasons(asking)[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"user_annotations": ["max-waltime"]}, '"max-waltime" is no annotation of this endpoint'),
        ({"requirements": {"x": "a\nqueue"}}, "control character"),
        ({"apptainer_options": ["--bind /x"]}, "String should match pattern"),
    ],
)
def test_a_policy_that_makes_no_sense_stops_the_start(settings: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PodPolicy.model_validate(settings)
