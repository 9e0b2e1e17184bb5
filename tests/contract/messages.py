"""Golden messages of interLink 0.6, written as its Go parts write them (null for empty, every key present)."""

import json
from typing import Any

UID = "5b0c1f6e-0000-4000-8000-000000000001"
OTHER_UID = "5b0c1f6e-0000-4000-8000-000000000002"


def pod(uid: str = UID, phase: str = "Pending", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "hello", "namespace": "default", "uid": uid, "creationTimestamp": None},
        "spec": {"containers": [{"name": "c", "image": "img", "resources": {}}], "nodeName": "vk", **spec},
        "status": {"phase": phase},
    }


CREATE = {
    "pod": pod(
        volumes=[
            {"name": "conf", "configMap": {"name": "cm"}},
            {"name": "keys", "secret": {"secretName": "s"}},
            {"name": "kube-api-access-x", "projected": {"sources": []}},
            {"name": "scratch", "emptyDir": {}},
        ],
        initContainers=[{"name": "first", "volumeMounts": [{"name": "scratch", "mountPath": "/s"}]}],
        containers=[
            {
                "name": "c",
                "volumeMounts": [{"name": "conf", "mountPath": "/c"}, {"name": "kube-api-access-x", "mountPath": "/k"}],
            },
            {"name": "d", "volumeMounts": [{"name": "keys", "mountPath": "/q"}]},
            {"name": "e"},
        ],
    ),
    "configmaps": [{"metadata": {"name": "cm"}, "data": {"a": "1"}}],
    "secrets": [{"metadata": {"name": "s"}, "data": {"k": "dg=="}, "type": "Opaque"}],
    "projectedvolumesmaps": [{"metadata": {"name": "kube-api-access-x"}, "data": {"token": "t"}}],
    "jobscriptURL": "",
}


def status(uid: str = UID, **state: Any) -> dict[str, Any]:
    return {
        "name": "hello",
        "UID": uid,
        "namespace": "default",
        "JID": "4711",
        "containers": [{"name": "c", "state": state or {"waiting": {"reason": "Queued"}}, "ready": False}],
        "initContainers": None,
    }


def log_request(**options: Any) -> bytes:
    opts = {
        "Tail": 0,
        "Bytes": 0,
        "Timestamps": False,
        "Follow": False,
        "Previous": False,
        "SinceSeconds": 0,
        "SinceTime": "0001-01-01T00:00:00Z",
        **options,
    }
    return json.dumps(
        {"Namespace": "default", "PodUID": UID, "PodName": "hello", "ContainerName": "c", "Opts": opts}
    ).encode()
