"""What the platform's chart is told on this machine: values, and the objects that a platform administrator makes by hand.

Pure data. Everything that the chart decides by itself is left to it, so that the demo shows the chart and not this file.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from devcluster.addresses import HUB_NAME
from devcluster.hub_address import CALLBACK, PORT
from devcluster.iam import registry
from devcluster.images.reference import REPOSITORY, Image
from devcluster.site.layout import ENDPOINTS

NAME = "highrate"
NAMESPACE = "highrate"
POD_NAMESPACE = "default"
"""Where people's own pods run, such as the demonstration's."""
TEST_NAMESPACE = "highrate-tests"
"""Whose pods may use their ConfigMaps and Secrets too: tests leave the release's own namespace alone."""
CVMFS_CLAIM = "cvmfs"
_HUB_SECRET, _SITE_SECRET, _HUB_CERTIFICATE = "highrate-iam", "site-token", "hub-tls"

Object = dict[str, object]


@dataclass(frozen=True)
class Credentials:
    """PEM texts and the clients' secrets."""

    authority: str
    hub_certificate: str
    hub_key: str
    clients: Mapping[str, str]


def values(images: Mapping[str, Image], authority: str) -> Object:
    """The values file of the release; ``authority`` is the platform's certificate."""
    services, hub, proxy = images["services"], images["hub"], images["proxy"]
    return {
        "image": {"repository": services.repository, "tag": services.tag},
        "caBundle": {"certificates": authority},
        "sites": {mode: _site(mode) for mode in ENDPOINTS},
        "jupyterhub": {
            "hub": {
                "image": {"name": hub.repository, "tag": hub.tag},
                "config": {"IAMAuthenticator": _login()},
            },
            "proxy": {
                "chp": {"image": {"name": proxy.repository, "tag": proxy.tag}},
                "service": {"type": "NodePort", "nodePorts": {"https": PORT}, "disableHttpPort": True},
                "https": {
                    "enabled": True,
                    "type": "secret",
                    "hosts": [HUB_NAME],
                    "secret": {"name": _HUB_CERTIFICATE},
                },
            },
            "custom": {
                "highrate": {
                    "catalogue": {
                        "images": _catalogue(images),
                        "freeImage": {"enabled": True, "registries": [REPOSITORY]},
                    },
                    "cvmfs": {"mode": "pvc", "claim": CVMFS_CLAIM},
                }
            },
        },
    }


def _site(mode: str) -> Object:
    endpoint = ENDPOINTS[mode]
    return {
        "nodeName": endpoint.node_name,
        "namespaces": [POD_NAMESPACE, TEST_NAMESPACE],
        "edge": {"mode": "remote", "url": endpoint.edge_url},
        "token": {
            "issuer": registry.ISSUER,
            "clientId": registry.VK,
            "audience": registry.EDGE_AUDIENCE,
            "scope": "wlcg wlcg.groups",
            "existingSecret": _SITE_SECRET,
        },
    }


def _login() -> Object:
    return {
        "issuer": registry.ISSUER,
        "client_id": registry.HUB,
        "oauth_callback_url": CALLBACK,
        "scope": registry.HUB_SCOPE.split(),
        "allowed_groups": [registry.EXPERIMENT],
        "admin_groups": [registry.ADMINS],
        # shorter than the defaults: what happens when a group is taken away is to be seen, not waited for
        "auth_refresh_age": 30,
        "groups_max_age": 60,
    }


def _catalogue(images: Mapping[str, Image]) -> Object:
    lab, offload = images["jupyterlab"], images["jupyterlab-offload"]
    return {
        "jupyterlab": {
            "title": "JupyterLab",
            "description": "Notebooks, terminal, editor and git.",
            "image": lab.reference,
            "default": True,
        },
        "analysis": {
            "title": "Analysis",
            "description": "JupyterLab with ROOT, uproot, awkward, coffea and Dask.",
            "image": offload.reference,
            "offload": True,
            "cvmfsPath": offload.unpacked,
        },
    }


def objects(given: Credentials) -> list[Object]:
    """Namespaces and Secrets that must be there before the release, whose namespace enforces the restricted standard."""
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEST_NAMESPACE}},
        _secret(_HUB_SECRET, {"client-secret": given.clients[registry.HUB]}),
        _secret(_SITE_SECRET, {"client-secret": given.clients[registry.VK]}),
        _secret(_HUB_CERTIFICATE, {"tls.crt": given.hub_certificate, "tls.key": given.hub_key}, "kubernetes.io/tls"),
        *_cvmfs(),
    ]


def _secret(name: str, texts: Mapping[str, str], kind: str = "Opaque") -> Object:
    data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata, "data": data}


def _cvmfs() -> list[Object]:
    """CVMFS as an administrator's volume, a folder of the node: the restricted standard allows pods no hostPath."""
    shared: Object = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    claim = {"name": CVMFS_CLAIM, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": CVMFS_CLAIM},
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
            "spec": {**shared, "volumeName": CVMFS_CLAIM, "resources": {"requests": {"storage": "1Gi"}}},
        },
    ]
