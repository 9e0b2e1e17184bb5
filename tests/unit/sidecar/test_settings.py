"""The sidecar's configuration: strict, all problems at once, and what becomes of it."""

from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.policy import EndpointMode, Policy
from condor_sidecar.model.plan import Plan
from condor_sidecar.settings import Settings, condor_params, load, site_policy
from service_runtime.settings import SettingsError, parse_settings

from tests.unit.sidecar.compile.pods import pod, request

GOOD: dict[str, Any] = {
    "instance": "vk-1",
    "endpoint": {"collector": "ce.example.org:9619", "mode": "ce", "auth": {"token_file": "/run/token"}},
}


def parsed(**changes: Any) -> Settings:
    return parse_settings(Settings, {**GOOD, **changes}, "test")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "instance: 'a b'\n"
        "listen: ftp://x\n"
        "data: relative\n"
        "unknown: 1\n"
        "endpoint: {mode: grid, auth: {methods: [SCITOKENS]}}\n"
        "wall_time: {default_seconds: 10, max_seconds: 5}\n"
    )
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    keys = {problem.key for problem in caught.value.problems}
    assert {"instance", "listen", "data", "unknown", "endpoint.mode", "endpoint.collector", "wall_time"} <= keys


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({}, "token_file"),
        ({"methods": ["IDTOKENS"]}, "token_directory"),
        ({"methods": []}, "methods"),
        ({"methods": ["FS"]}, "SCITOKENS"),
    ],
)
def test_a_login_needs_its_credentials(auth: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parsed(endpoint={"collector": "c:1", "auth": auth})


def test_https_needs_a_certificate() -> None:
    with pytest.raises(SettingsError, match="tls"):
        parsed(listen="https://0.0.0.0:1234")


def test_the_policy_is_the_default_one_where_nothing_is_said() -> None:
    assert site_policy(parsed(endpoint={**GOOD["endpoint"], "mode": "schedd"})) == Policy()


def test_the_policy_is_made_of_the_settings() -> None:
    policy = site_policy(
        parsed(
            images={"unpacked_roots": ["/cvmfs/x"], "docker_fallback": False},
            hostpath=[{"path": "/cvmfs-af", "target": "/cvmfs"}],
            job_limits={"cpus": 4},
            policy={"user_annotations": []},
        )
    )
    assert policy.mode is EndpointMode.CE
    assert policy.images.unpacked_roots == ("/cvmfs/x",)
    assert not policy.images.docker_fallback
    assert policy.host_paths[0].target == "/cvmfs"
    assert policy.limits.cpus == 4
    assert policy.user_annotations == frozenset()


def test_htcondor_is_told_where_the_credentials_are() -> None:
    auth = {"methods": ["SCITOKENS", "IDTOKENS"], "token_file": "/t", "token_directory": "/d", "ca_file": "/ca"}
    params = condor_params(parsed(endpoint={"collector": "c:1", "auth": auth}).endpoint.auth)
    for what in ("AUTHENTICATION", "ENCRYPTION", "INTEGRITY"):
        assert params[f"SEC_CLIENT_{what}"] == "REQUIRED"
    assert params["SEC_CLIENT_AUTHENTICATION_METHODS"] == "SCITOKENS, IDTOKENS"
    assert params["SCITOKENS_FILE"] == "/t"
    assert params["SEC_TOKEN_DIRECTORY"] == "/d"
    assert params["AUTH_SSL_CLIENT_CAFILE"] == "/ca"
    assert int(params["SEC_CLIENT_AUTHENTICATION_TIMEOUT"]) < 20


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"metrics": "nonsense"}, "metrics", "host:port"),
        ({"metrics": "127.0.0.1:99999"}, "metrics", "host:port"),
        ({"endpoint": {"collector": ""}}, "endpoint.collector", "pattern"),
        ({"endpoint": {"schedd": "a b"}}, "endpoint.schedd", "pattern"),
        ({"endpoint": {"submit": {"accounting_group": "$(x)"}}}, "endpoint.submit", "accounting_group"),
        ({"endpoint": {"submit": {"a b": "1", "c": "1\nqueue 9"}}}, "endpoint.submit", "a b = '1'.*c = '1"),
        ({"hostpath": [{"path": ""}]}, "hostpath[0].path", "absolute"),
        ({"hostpath": [{"path": "/cvmfs"}, {"path": "/a/../etc"}]}, "hostpath[1].path", "absolute"),
        ({"hostpath": [{"path": "/cvmfs", "target": "cvmfs"}]}, "hostpath[0].target", "absolute"),
        ({"images": {"unpacked_roots": ["unpacked"]}}, "images.unpacked_roots[0]", "absolute"),
        ({"images": {"path_prefixes": [""]}}, "images.path_prefixes[0]", "absolute"),
        ({"resources": {"cpu": "banana"}}, "resources.cpu", "not a Kubernetes quantity"),
        ({"resources": {"memory": "-1Gi"}}, "resources.memory", "negative"),
        ({"resources": {"pods": "1.5"}}, "resources.pods", "whole number"),
        ({"resources": {"accelerators": {"no good name!": "1"}}}, "resources.accelerators", "name of a resource"),
        ({"resources": {"accelerators": {"nvidia.com/gpu": "x"}}}, "resources.accelerators", "quantity"),
        (
            {"policy": {"require_gpus": {"intel.com/gpu": "true"}}},
            "policy.require_gpus",
            "nvidia.com/gpu or amd.com/gpu",
        ),
        ({"policy": {"require_gpus": {"amd.com/gpu": "$(x)"}}}, "policy.require_gpus", "require_gpus"),
        ({"wall_time": {"default_seconds": 80, "margin_seconds": 60}}, "wall_time", "margin_seconds"),
        ({"wall_time": {"default_seconds": 600, "max_seconds": 660}}, "", r"policy.max_grace_seconds \(600\)"),
    ],
)
def test_what_would_only_fail_at_a_create_is_refused_at_the_start(
    changes: dict[str, Any], key: str, words: str
) -> None:
    tree = {**changes, "endpoint": {**GOOD["endpoint"], **changes.get("endpoint", {})}}
    with pytest.raises(SettingsError, match=words) as caught:
        parsed(**tree)
    assert all(problem.key.startswith(key) for problem in caught.value.problems)


def test_malformed_values_are_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(
            metrics="x",
            hostpath=[{"path": ""}],
            resources={"cpu": "banana", "pods": "x"},
            endpoint={**GOOD["endpoint"], "collector": "", "submit": {"x": "$"}},
        )
    assert {problem.key for problem in caught.value.problems} == {
        "metrics", "hostpath[0].path", "resources.cpu", "resources.pods", "endpoint.collector", "endpoint.submit",
    }  # fmt: skip


def test_submit_lines_that_are_taken_at_the_start_are_taken_at_a_create() -> None:
    settings = parsed(endpoint={**GOOD["endpoint"], "submit": {"MY.queue": '"short"', "accounting_group": "g.a"}})
    plan = compile_pod(request(pod()), site_policy(settings))
    assert isinstance(plan, Plan)
    assert plan.submit["MY.queue"] == '"short"'
