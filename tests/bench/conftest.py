"""Figures are taken on the same platform as the cluster tests, and in a session like those of the browser tests."""

from tests.cluster.conftest import hello, kube_config, namespace, platform, pods
from tests.e2e.conftest import browser, people, servers
from tests.e2e.scale_out.conftest import clusters, kernel, lab

__all__ = [
    "browser",
    "clusters",
    "hello",
    "kernel",
    "kube_config",
    "lab",
    "namespace",
    "people",
    "platform",
    "pods",
    "servers",
]
