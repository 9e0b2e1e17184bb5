"""Registry credentials reach the job for what it may have to pull, and nothing else of them goes anywhere."""

import base64
import json

import pytest
from condor_sidecar.core.policy import ImagePolicy, Policy

from tests.unit.sidecar.compile.pods import Json, compiled, container, files, job_of, pod, reasons

HUB = "https://index.docker.io/v1/"


def secret(entries: Json, kind: str = ".dockerconfigjson") -> Json:
    """A Secret of these entries."""
    content = {"auths": entries} if kind == ".dockerconfigjson" else entries
    return {"metadata": {"name": "s"}, "data": {kind: base64.b64encode(json.dumps(content).encode()).decode()}}


def given(image: str, *secrets: Json) -> list[Json]:
    """What the job's pulls of `image` are told, one after the other."""
    plan = compiled(pod(container(image=image)), pull_secrets=list(secrets))
    paths = job_of(plan).containers[0].image.auths
    assert paths == [f"registry/{number}.json" for number in range(len(files(plan)))]
    assert all(mode == 0o600 for _, mode in files(plan).values())
    return [json.loads(files(plan)[path][0]) for path in paths]


@pytest.mark.parametrize(
    ("image", "key", "expected"),
    [
        ("quay.io/a/b:1", "quay.io", "quay.io"),
        ("quay.io/a/b:1", "https://quay.io", "quay.io"),
        ("quay.io/a/b:1", "https://quay.io/v2/", "quay.io"),
        ("quay.io/a/b:1", "quay.io/a", "quay.io"),
        ("quay.io/a/b:1", "*.io", "quay.io"),
        ("oras://quay.io/a/b:1", "quay.io", "quay.io"),
        ("r.example.org:5000/a", "r.example.org:5000", "r.example.org:5000"),
        ("busybox", HUB, HUB),
        ("busybox", "docker.io", HUB),
        ("docker.io/lab/x", "index.docker.io", HUB),
        ("quay.io/a/b:1", "quay.io/ab", None),
        ("quay.io/a/b:1", "quay.io/a/b/c", None),
        ("quay.io/a/b:1", "*", None),
        ("quay.io/a/b:1", "quay.io:5000", None),
        ("busybox", "quay.io", None),
        ("/cvmfs/images/x", "quay.io", None),
    ],
)
def test_the_entry_for_an_image_is_found_by_a_kubelet_s_rules(image: str, key: str, expected: str | None) -> None:
    found = given(image, secret({key: {"auth": "dTpw"}}))
    assert found == ([{"auths": {expected: {"auth": "dTpw"}}}] if expected else [])


def test_the_most_specific_entry_is_tried_first_and_the_others_after_it() -> None:
    entries = {"quay.io": {"auth": "d2lkZQ=="}, "quay.io/a": {"auth": "bmFycm93"}, "*.io": {"auth": "c3Rhcg=="}}
    assert given("quay.io/a/b", secret(entries)) == [
        {"auths": {"quay.io": {"auth": auth}}} for auth in ("bmFycm93", "d2lkZQ==", "c3Rhcg==")
    ]


def test_of_two_secrets_for_one_host_both_are_tried_in_their_order() -> None:
    expired, good = secret({"quay.io": {"auth": "b2xk"}}), secret({"quay.io": {"auth": "bmV3"}})
    assert given("quay.io/a", expired, good, expired) == [
        {"auths": {"quay.io": {"auth": "b2xk"}}},
        {"auths": {"quay.io": {"auth": "bmV3"}}},
    ]
    assert given("quay.io/a", secret({"quay.io": {}}), good) == [{"auths": {"quay.io": {"auth": "bmV3"}}}]


def test_user_and_password_of_the_old_form_become_one_field() -> None:
    old = secret({"quay.io": {"username": "u", "password": "p:w", "email": "x"}}, ".dockercfg")
    assert given("quay.io/a", old) == [{"auths": {"quay.io": {"auth": base64.b64encode(b"u:p:w").decode()}}}]


def test_images_with_the_same_login_share_its_file() -> None:
    images = [container("a", image="quay.io/a"), container("b", image="quay.io/b"), container("c", image="busybox")]
    plan = compiled(pod(*images), pull_secrets=[secret({"quay.io": {"auth": "dTpw"}})])
    assert [each.image.auths for each in job_of(plan).containers] == [["registry/0.json"], ["registry/0.json"], []]
    assert len(files(plan)) == 1


def test_a_password_is_in_no_digest_and_no_submit_command() -> None:
    plans = [
        compiled(pod(container(image="quay.io/a")), pull_secrets=[secret({"quay.io": {"auth": auth}})])
        for auth in ("T05F", "VFdP")
    ]
    assert plans[0].plan_hash == plans[1].plan_hash
    assert "T05F" not in str(plans[0].submit)


@pytest.mark.parametrize(
    "data", [{".dockerconfigjson": "e2"}, {".dockerconfigjson": "W10="}, {".dockercfg": "c2VjcmV0"}]
)
def test_a_secret_that_can_t_be_read_is_told_without_its_content(data: Json) -> None:
    broken = {"metadata": {"name": "broken"}, "data": data}
    assert reasons(pod(), pull_secrets=[broken]) == (
        'Secret "broken" holds no registry credentials that can be read (imagePullSecrets)',
    )


def test_a_site_that_pulls_nothing_gets_no_credentials() -> None:
    plan = compiled(
        pod(container(image="quay.io/a")),
        Policy(images=ImagePolicy(docker_fallback=False)),
        pull_secrets=[secret({"quay.io": {"auth": "dTpw"}})],
    )
    assert files(plan) == {}
