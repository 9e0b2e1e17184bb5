"""Whole plans, word for word: what a change of the compile step changes in jobs is seen here.

`HIGHRATE_UPDATE_GOLDEN=1` writes the files anew.
"""

import json
import os
from pathlib import Path

import pytest
from condor_sidecar.core.policy import EndpointMode, HostPathRule, ImagePolicy, Policy
from condor_sidecar.job.supervisor import plan as job
from condor_sidecar.model.plan import Plan

from tests.unit.sidecar.compile.pods import Json, compiled, container, pod

GOLDEN = Path(__file__).parent / "golden"
IMAGES = ImagePolicy(unpacked_roots=("/cvmfs/unpacked.example.org",))
DIRECT = Policy(images=IMAGES, host_paths=(HostPathRule("/cvmfs"), HostPathRule("/data", "/storage", read_only=False)))
CE = Policy(mode=EndpointMode.CE, images=IMAGES, submit_extra={"accounting_group": "group_cms"})

RICH = pod(
    container(
        "web",
        image="quay.io/lab/web:2",
        command=["serve", "--name=$(NAME)", "$$(NAME)"],
        args=["a b", "", "é\n\"'`$HOME`"],
        env=[{"name": "NAME", "value": "web $(X)"}, {"name": "odd-name", "value": ""}],
        workingDir="/srv",
        ports=[{"containerPort": 80, "protocol": "TCP"}],
        resources={"requests": {"cpu": "1500m", "memory": "1Gi"}, "limits": {"memory": "2Gi", "nvidia.com/gpu": "1"}},
        volumeMounts=[
            {"name": "settings", "mountPath": "/etc/web"},
            {"name": "settings", "mountPath": "/etc/one.conf", "subPath": "one.conf"},
            {"name": "keys", "mountPath": "/keys", "readOnly": True},
            {"name": "shared", "mountPath": "/shared"},
            {"name": "cvmfs", "mountPath": "/cvmfs"},
            {"name": "kube-api-access-abcde", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        securityContext={"readOnlyRootFilesystem": True, "runAsNonRoot": True},
        terminationMessagePolicy="FallbackToLogsOnError",
    ),
    container(
        "plain", image="/cvmfs/images/plain", resources={"requests": {"cpu": "500m", "ephemeral-storage": "20Gi"}}
    ),
    initContainers=[
        container("first", args=["prepare"], volumeMounts=[{"name": "shared", "mountPath": "/shared"}]),
    ],
    volumes=[
        {"name": "settings", "configMap": {"name": "web", "defaultMode": 420}},
        {"name": "keys", "secret": {"secretName": "web", "defaultMode": 256}},
        {"name": "shared", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "cvmfs", "hostPath": {"path": "/cvmfs", "type": "Directory"}},
        {
            "name": "kube-api-access-abcde",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt"}},
                ]
            },
        },
    ],
    activeDeadlineSeconds=3600,
    hostAliases=[{"ip": "10.1.2.3", "hostnames": ["db", "db.local"]}],
    hostname="web-0",
)
CARED_FOR = pod(
    container(
        "web",
        ports=[{"name": "http", "containerPort": 8080}],
        resources={"limits": {"memory": "1Gi", "ephemeral-storage": "2Gi"}, "requests": {"cpu": "2"}},
        imagePullPolicy="Never",
        startupProbe={"grpc": {"port": 9090, "service": "web"}, "failureThreshold": 30, "periodSeconds": 1},
        readinessProbe={"httpGet": {"port": "http", "path": "/ready", "httpHeaders": [{"name": "X", "value": "y"}]}},
        livenessProbe={"exec": {"command": ["alive"]}, "terminationGracePeriodSeconds": 5, "timeoutSeconds": 3},
        lifecycle={
            "postStart": {"httpGet": {"port": "http", "scheme": "HTTPS"}},
            "preStop": {"sleep": {"seconds": 5}},
            "stopSignal": "SIGINT",
        },
        stdin=True,
        tty=True,
    ),
    initContainers=[
        container(
            "proxy",
            restartPolicy="Always",
            startupProbe={"tcpSocket": {"port": 15000}},
            resources={"requests": {"cpu": "1"}},
        ),
        container("prepare", resources={"requests": {"cpu": "4"}}),
    ],
    restartPolicy="OnFailure",
)
OBJECTS: Json = {
    "config_maps": {"web": {"data": {"one.conf": "1\n", "two.conf": "2\n"}}},
    "secrets": {"web": {"tls.key": b"\x00KEY\xff"}},
}


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("plainest", compiled(pod(), DIRECT)),
        ("everything", compiled(RICH, DIRECT, **OBJECTS)),
        ("cared-for", compiled(CARED_FOR, DIRECT)),
        ("everything-ce", compiled(RICH, CE, **OBJECTS)),
    ],
)
def test_plans_are_what_they_were(name: str, plan: Plan) -> None:
    text = readable(plan)
    path = GOLDEN / f"{name}.json"
    if os.environ.get("HIGHRATE_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


def readable(plan: Plan) -> str:
    """A plan as indented JSON."""
    files = {
        file.path: json.loads(file.content)
        if file.path == job.PLAN_FILE
        else [oct(file.mode), file.content.decode("latin-1")]
        for file in plan.files
    }
    shown = {
        "uid": plan.uid,
        "namespace": plan.namespace,
        "name": plan.name,
        "containers": [[each.kind, each.name, each.image] for each in plan.containers],
        "grace_seconds": plan.grace_seconds,
        "wall_seconds": plan.wall_seconds,
        "plan_hash": plan.plan_hash,
        "submit": dict(plan.submit),
        "files": files,
    }
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
