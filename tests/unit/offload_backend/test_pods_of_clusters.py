"""The pods and the Secret of a cluster: golden, valid for Kubernetes, restricted, and such that a site takes them as jobs."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from condor_sidecar.core.compile import compile_pod
from condor_sidecar.core.policy import ImagePolicy, Policy
from condor_sidecar.model.plan import Plan
from hub_config.spawn.restricted import violations
from offload_backend.core import names, places
from offload_backend.core.scheduler_pod import scheduler_pod
from offload_backend.core.secret import secret
from offload_backend.core.wall_time import lifetime
from offload_backend.core.worker_pod import worker_pod
from offload_backend.model.facts import Credentials, Owner
from offload_backend.model.settings import Settings

from tests.schemas import validate
from tests.unit.offload_backend.facts import AT_SITE, CLUSTER, FAR, RELAY, SMALLEST, settings
from tests.unit.sidecar.compile.pods import UID, request

WORKER = "w" * 32
SECRET = Owner("Secret", names.secret_name(CLUSTER.name), "uid-of-secret")
SCHEDULER = Owner("Pod", names.scheduler_name(CLUSTER.name), "uid-of-scheduler")
ADDRESS = "relay://scheduler@local/10.0.0.7:8786"
GOLDEN = Path(__file__).parent / "golden"


def scheduler(found: Settings | None = None) -> dict[str, Any]:
    return scheduler_pod(found or settings(), CLUSTER, SECRET)


def local_worker(found: Settings | None = None, **changes: Any) -> dict[str, Any]:
    return worker_pod(found or settings(), replace(CLUSTER, **changes), WORKER, SCHEDULER, ADDRESS)


def far_worker(found: Settings | None = None, **changes: Any) -> dict[str, Any]:
    return worker_pod(found or settings(), replace(AT_SITE, **changes), WORKER, SCHEDULER, ADDRESS)


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container(pod)["env"]}


EVERYTHING = settings(
    relay={**RELAY, "ca_file": "/keys/ca.crt"},
    sites={
        "local": {"node_selector": {"pool": "dask"}, "tolerations": [{"key": "dask", "operator": "Exists"}]},
        "far": {**FAR, "node_selector": {"zone": "far"}, "tolerations": [{"key": "far", "operator": "Exists"}]},
    },
    pods={
        "image_pull_secrets": ["registry"],
        "scheduler_node_selector": {"pool": "core"},
        "scheduler_tolerations": [{"key": "core", "operator": "Exists"}],
        "labels": {"team": "one"},
    },
    cvmfs={"mode": "pvc", "claim": "cvmfs"},
)
PODS = {
    "scheduler": scheduler(),
    "worker": local_worker(),
    "worker-at-a-site": far_worker(),
    "scheduler-without-a-relay": scheduler(settings(SMALLEST)),
    "worker-without-a-relay": local_worker(settings(SMALLEST)),
    "scheduler-with-everything": scheduler(EVERYTHING),
    "worker-with-everything": local_worker(EVERYTHING, gpus=2, wall_seconds=7200),
    "worker-at-a-site-with-everything": far_worker(EVERYTHING, gpus=1),
}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_as_it_was_looked_at(name: str) -> None:
    """A change of what is made shows here. Write the files anew with `python -m tests.unit.offload_backend.write_golden`."""
    assert PODS[name] == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_one_for_kubernetes(name: str) -> None:
    validate(PODS[name])


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_restricted(name: str) -> None:
    """But for /cvmfs of a site, which is a folder of its machines: a namespace that enforces the standard refuses it."""
    found = violations(PODS[name])
    assert found == (["spec.volumes[3] is a hostPath"] if "site" in name else []) or "hostPath" in found[0]
    assert len(found) == ("site" in name)
    spec = PODS[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["restartPolicy"] == "Never"


def test_a_site_takes_a_worker_as_a_job_of_the_wall_time_that_was_chosen() -> None:
    """Through the sidecar's own compiler, as the virtual node resolves environment and Secret."""
    pod = PODS["worker-at-a-site"]
    resolved = json.loads(json.dumps(pod))
    resolved["metadata"] |= {"uid": UID}
    for entry in resolved["spec"]["containers"][0]["env"]:
        if "valueFrom" in entry:
            del entry["valueFrom"]
            entry["value"] = "203.0.113.7"
    files = dict.fromkeys(places_of(pod), b"x")
    policy = Policy(images=ImagePolicy(unpacked_roots=("/cvmfs/unpacked.test",)))
    plan = compile_pod(request(resolved, secrets={names.secret_name(CLUSTER.name): files}), policy)
    assert isinstance(plan, Plan), plan
    assert plan.submit["+MaxWallTimeMins" if "+MaxWallTimeMins" in plan.submit else "request_cpus"] in ("2", "360")


def places_of(pod: dict[str, Any]) -> list[str]:
    (volume,) = (v for v in pod["spec"]["volumes"] if v["name"] == "credentials")
    return [item["path"] for item in volume["secret"]["items"]]


def test_a_worker_never_gets_what_speaks_for_the_cluster() -> None:
    assert places.API_TOKEN in places_of(scheduler())
    for worker in (local_worker(), far_worker()):
        assert places.API_TOKEN not in places_of(worker)
        assert not any("API" in name for name in environment(worker))


def test_nothing_secret_is_in_a_pod() -> None:
    """Only names of files."""
    for pod in PODS.values():
        told = environment(pod)
        assert told.get("DASK_GATEWAY_API_TOKEN", "/").startswith("/")
        assert all(str(value).startswith("/") for name, value in told.items() if name.endswith(("_FILE", "__KEY")))


def test_pods_end_with_what_owns_them() -> None:
    """The Secret is the root: one delete of it ends everything, and so does the end of the scheduler's pod for the workers."""
    (root,) = scheduler()["metadata"]["ownerReferences"]
    assert (root["kind"], root["uid"]) == ("Secret", "uid-of-secret")
    for worker in (local_worker(), far_worker()):
        (owner,) = worker["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Pod", "uid-of-scheduler")


def test_a_users_variables_arrive_byte_for_byte_and_never_in_the_place_of_ours() -> None:
    found = settings(sites={"local": {"environment": {"XRD_LOGLEVEL": "Dump"}}})
    told = environment(local_worker(found))
    assert told["PRICE"] == "5$$ of $$(HOME)", "Kubernetes makes one dollar of two"
    assert told["XRD_LOGLEVEL"] == "Dump"


def test_every_file_that_a_variable_names_is_one_of_the_secret() -> None:
    credentials = Credentials(b"cert", b"key", "token", {"listen": "l", "dial": "d"}, b"ca")
    made = secret(EVERYTHING, CLUSTER, credentials)
    validate(made)
    for pod in PODS.values():
        named = {v for v in environment(pod).values() if str(v).startswith(places.CREDENTIALS)}
        assert named <= {places.credential(file) for file in places_of(pod)}
        assert set(places_of(pod)) <= set(made["data"])
    assert base64.b64decode(made["data"][places.LISTEN_TICKET]) == b"l"


def test_without_a_relay_there_is_nothing_of_it() -> None:
    made = secret(settings(SMALLEST), CLUSTER, Credentials(b"cert", b"key", "token", {}))
    assert set(made["data"]) == {places.CERTIFICATE, places.KEY, places.API_TOKEN}
    pods = [
        PODS["scheduler-without-a-relay"],
        worker_pod(settings(SMALLEST), CLUSTER, WORKER, SCHEDULER, "tls://10.0.0.7:8786"),
    ]
    assert "relay" not in json.dumps(pods).lower()


@pytest.mark.parametrize("wall", [600, 3600, 6 * 3600, 48 * 3600])
def test_a_worker_goes_before_its_wall_time_is_over(wall: int) -> None:
    chosen = lifetime(wall)
    latest = chosen.lifetime + chosen.stagger
    assert wall - latest >= 240, "hands over its data, while the job still has grace and margin"
    assert chosen.lifetime - chosen.stagger >= wall * 0.4, "and works most of the time"


def test_a_worker_uses_less_memory_than_it_has() -> None:
    command = container(local_worker())["command"]
    limit = int(command[command.index("--memory-limit") + 1])
    assert 0.9 * CLUSTER.worker_memory <= limit < CLUSTER.worker_memory
