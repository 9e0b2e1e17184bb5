"""What the platform's chart is told on this machine.

Pure data. Everything that the chart decides by itself is left to it, so that the demo shows the chart and not this file.
"""

from collections.abc import Mapping

from devcluster.addresses import HUB_NAME
from devcluster.hub_address import CALLBACK, PORT, RELAY_PORTS, RELAY_URL
from devcluster.iam import registry
from devcluster.images.reference import REPOSITORY, Image
from devcluster.site.layout import ENDPOINTS

NAME = "highrate"
NAMESPACE = "highrate"
POD_NAMESPACE = "default"
"""Where people's own pods run, such as the demonstration's."""
TEST_NAMESPACE = "highrate-tests"
"""Whose pods may use their ConfigMaps and Secrets too: tests leave the release's own namespace alone."""
DASK_NAMESPACE = "dask"
"""Of schedulers and workers, which the virtual kubelets serve."""
CVMFS_CLAIM = "cvmfs"
HUB_SECRET, SITE_SECRET, HUB_CERTIFICATE = "highrate-iam", "site-token", "hub-tls"
"""Of the hub as a client of the identity provider, of the virtual kubelets as one, and the certificate of the hub's name."""

Object = dict[str, object]


def values(images: Mapping[str, Image], authority: str) -> Object:
    """The values file of the release; ``authority`` is the platform's certificate."""
    services, hub, proxy = images["services"], images["hub"], images["proxy"]
    return {
        "image": {"repository": services.repository, "tag": services.tag},
        "caBundle": {"certificates": authority},
        "sites": {mode: _site(mode) for mode in ENDPOINTS},
        "dask": _dask(),
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
                    "secret": {"name": HUB_CERTIFICATE},
                },
            },
            "custom": {
                "highrate": {
                    "catalogue": {
                        "images": _catalogue(images),
                        "freeImage": {"enabled": True, "registries": [REPOSITORY]},
                    },
                    "cvmfs": {"mode": "pvc", "claim": CVMFS_CLAIM, "gridSecurity": ""},
                    "dask": {"enabled": True},
                }
            },
        },
    }


def _site(mode: str) -> Object:
    endpoint = ENDPOINTS[mode]
    return {
        "nodeName": endpoint.node_name,
        "namespaces": [POD_NAMESPACE, TEST_NAMESPACE, DASK_NAMESPACE],
        "edge": {"mode": "remote", "url": endpoint.edge_url},
        "token": {
            "issuer": registry.ISSUER,
            "clientId": registry.VK,
            "audience": registry.EDGE_AUDIENCE,
            "scope": "wlcg wlcg.groups",
            "existingSecret": SITE_SECRET,
        },
    }


def _dask() -> Object:
    """Small schedulers and workers: all of them share one machine. Each member of the relay has a port of the hub's name."""
    jobs: Object = {"wallTime": {"default": "1h", "maximum": "4h"}, "scratch": "1Gi"}
    return {
        "namespace": DASK_NAMESPACE,
        "sites": {
            "local": {"reserved": 0.1},
            **{endpoint.node_name: {"node": endpoint.node_name, **jobs} for endpoint in ENDPOINTS.values()},
        },
        "scheduler": {"cores": 1, "reserved": 0.1, "memory": 1},
        "defaults": {"site": ENDPOINTS["schedd"].node_name, "workerCores": 1, "workerMemory": 1},
        "proxy": {"replicas": 1},
        "relay": {
            "url": RELAY_URL,
            "replicas": len(RELAY_PORTS),
            "existingTlsSecret": HUB_CERTIFICATE,
            "service": {"type": "NodePort", "nodePorts": list(RELAY_PORTS)},
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
            "description": "JupyterLab with ROOT, uproot, awkward and coffea; Dask's workers are jobs of the site.",
            "image": offload.reference,
            "offload": True,
            "cvmfsPath": offload.unpacked,
        },
    }
