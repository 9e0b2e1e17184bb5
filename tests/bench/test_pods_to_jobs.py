"""From pods to jobs: the whole chain beside one bulk submit of the same jobs, in the same run, on the same pool."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pykube
import pytest
from devcluster.images.reference import UNPACKED

from tests.bench.figures import Figure, report, seconds_until
from tests.cluster.conftest import Platform
from tests.cluster.pods import Pods, manifest, shell, uid

NODE = "site-schedd"
PODS = 100


@pytest.mark.timeout(1800)
def test_hundred_pods_beside_a_bulk_submit(pods: Pods, hello: str, platform: Platform, tmp_path: Path) -> None:
    bodies = [manifest(NODE, [shell("c", hello, "true")]) for _ in range(PODS)]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(pods.create, bodies))
    created = time.monotonic() - began
    uids = {uid(pod) for pod in made}
    names = {pod.name for pod in made}
    queued = seconds_until(lambda: len(platform.jobs_of_pods(uids)) == PODS, began)
    ended = seconds_until(lambda: _succeeded(pods, names) == PODS, began)

    bulk = _bulk_submit(platform, [pod.obj for pod in made], tmp_path)
    report(
        [
            Figure(f"{PODS} pods created in Kubernetes", created, "bulk submit of the same jobs", bulk["queued"]),
            Figure(f"{PODS} pods → jobs in the queue", queued, "bulk submit of the same jobs", bulk["queued"]),
            Figure(f"{PODS} pods → Succeeded", ended, "the bulk's jobs ended", bulk["ended"]),
        ],
        "pods-to-jobs",
    )


def _succeeded(pods: Pods, names: set[str]) -> int:
    found = pykube.Pod.objects(pods.api).filter(namespace=pods.namespace)
    return sum(1 for pod in found if pod.name in names and pod.obj["status"].get("phase") == "Succeeded")


def _bulk_submit(platform: Platform, pods: list[dict[str, object]], folder: Path) -> dict[str, float]:
    site = platform.site
    token = folder / "token"
    token.write_text(site.token())
    token.chmod(0o600)
    task = {
        "pods": pods,
        "folder": str(folder),
        "collector": site.collector("schedd"),
        "schedd": site.schedd_name("schedd"),
        "unpacked_roots": [UNPACKED],
        "params": {
            "SEC_CLIENT_AUTHENTICATION_METHODS": "SCITOKENS",
            "SCITOKENS_FILE": str(token),
            "AUTH_SSL_CLIENT_CAFILE": str(site.ca_file),
            "ENABLE_IPV6": "False",
        },
    }
    command = [sys.executable, "-m", "tests.bench.bulk_submit"]
    run = subprocess.run(
        command, input=json.dumps(task), capture_output=True, text=True, timeout=900, cwd=platform.checkout.root
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found
