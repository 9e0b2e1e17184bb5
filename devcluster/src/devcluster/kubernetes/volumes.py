"""The cluster's default storage class: folders of the node, made by local-path-provisioner, and the manifests that install it.

A claim's size is no quota here: a volume is as large as the node's disk.
"""

import json

from devcluster.kubernetes.deployment import WITHOUT_RIGHTS, deployment
from devcluster.kubernetes.rights import READ, binding, role, rule

NAMESPACE = "local-path-storage"
NAME = "local-path"
FOLDER = "/opt/volumes"
PROGRAM = "local-path-provisioner"
_META = {"name": "provisioner", "namespace": NAMESPACE}
_LABELS = {"app": "local-path-provisioner"}
_CONFIGURATION = "/etc/provisioner"

# Run by a helper pod on the node. Whoever a session runs as shall be able to write into its volume's top folder.
_SETUP = '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n'
_TEARDOWN = '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n'


def manifests(image: str, helper_image: str) -> list[dict[str, object]]:
    """``helper_image`` needs a shell, mkdir and rm."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _META},
        *_rights(),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": NAME, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _META, "data": _configuration(helper_image)},
        deployment(
            _META, _LABELS, _container(image), [{"name": "configuration", "configMap": {"name": _META["name"]}}]
        ),
    ]


def _rights() -> list[dict[str, object]]:
    change = (*READ, "create", "patch", "update", "delete")
    rules = {
        "Role": [rule("", ["pods"], change)],
        "ClusterRole": [
            rule("", ["nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"], READ),
            rule("", ["persistentvolumes"], change),
            rule("", ["events"], ["create", "patch"]),
            rule("storage.k8s.io", ["storageclasses"], READ),
        ],
    }
    metadata = {"Role": _META, "ClusterRole": {"name": PROGRAM}}
    made = []
    for kind, place in metadata.items():
        made += [
            role(kind, place, rules[kind]),
            binding(f"{kind}Binding", place, (kind, place["name"]), _META),
        ]
    return made


def _configuration(helper_image: str) -> dict[str, str]:
    places = {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [FOLDER]}]}
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            "priorityClassName": "system-node-critical",
            "securityContext": {"runAsUser": 0, "runAsGroup": 0},
            "containers": [{"name": "helper-pod", "image": helper_image, "imagePullPolicy": "Never"}],
        },
    }
    # The provisioner sets the helper's command: a shell with one of these scripts.
    return {
        "config.json": json.dumps(places),
        "helperPod.yaml": json.dumps(helper),
        "setup": _SETUP,
        "teardown": _TEARDOWN,
    }


def _container(image: str) -> dict[str, object]:
    return {
        "name": "provisioner",
        "image": image,
        "args": [
            *("start", "--config", f"{_CONFIGURATION}/config.json"),
            *("--configmap-name", _META["name"], "--service-account-name", _META["name"]),
        ],
        "env": [
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "CONFIG_MOUNT_PATH", "value": f"{_CONFIGURATION}/"},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": WITHOUT_RIGHTS,
        "volumeMounts": [{"name": "configuration", "mountPath": _CONFIGURATION, "readOnly": True}],
    }
