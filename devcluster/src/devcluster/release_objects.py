"""What a platform administrator makes by hand before the release: namespaces, Secrets, volumes."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from devcluster.iam import registry
from devcluster.release_values import (
    CVMFS_CLAIM,
    DASK_NAMESPACE,
    HUB_CERTIFICATE,
    HUB_SECRET,
    NAMESPACE,
    SITE_SECRET,
    TEST_NAMESPACE,
    Object,
)


@dataclass(frozen=True)
class Credentials:
    """PEM texts and the clients' secrets."""

    hub_certificate: str
    hub_key: str
    clients: Mapping[str, str]


def objects(given: Credentials) -> list[Object]:
    """The namespaces of the release and of Dask's clusters enforce the restricted standard."""
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        _namespace(NAMESPACE, restricted),
        _namespace(DASK_NAMESPACE, restricted),
        _namespace(TEST_NAMESPACE, {}),
        _secret(HUB_SECRET, {"client-secret": given.clients[registry.HUB]}),
        _secret(SITE_SECRET, {"client-secret": given.clients[registry.VK]}),
        _secret(HUB_CERTIFICATE, {"tls.crt": given.hub_certificate, "tls.key": given.hub_key}, "kubernetes.io/tls"),
        *_cvmfs(NAMESPACE),
        *_cvmfs(DASK_NAMESPACE),
    ]


def _namespace(name: str, labels: Mapping[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _secret(name: str, texts: Mapping[str, str], kind: str = "Opaque") -> Object:
    data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": data}


def _cvmfs(namespace: str) -> list[Object]:
    """CVMFS as an administrator's volume, a folder of the node: the restricted standard allows pods no hostPath."""
    shared: Object = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    claim = {"name": CVMFS_CLAIM, "namespace": namespace}
    volume = f"{CVMFS_CLAIM}-{namespace}"
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                **shared,
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": "/cvmfs", "type": "Directory"},
                "claimRef": claim,
                "persistentVolumeReclaimPolicy": "Retain",
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": claim,
            "spec": {**shared, "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}},
        },
    ]
