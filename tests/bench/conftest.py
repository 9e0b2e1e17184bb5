"""Figures are taken on the same platform as the cluster tests."""

from tests.cluster.conftest import hello, kube_config, namespace, platform, pods

__all__ = ["hello", "kube_config", "namespace", "platform", "pods"]
