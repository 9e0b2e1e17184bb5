"""Dask on the platform: `from highrate.dask import OffloadCluster`. Only this and `highrate.relay` need Dask."""

from highrate.dask.cluster import OffloadCluster
from highrate.dask.panel import new_cluster
from highrate.dask.versions import DifferentVersions
from highrate.relay import openssl_errors

__all__ = ["DifferentVersions", "OffloadCluster", "new_cluster"]

openssl_errors.contain()
