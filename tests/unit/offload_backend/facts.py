"""Settings and facts that the tests change piece by piece."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from offload_backend.model.facts import ClusterFacts
from offload_backend.model.settings import Settings
from offload_backend.model.values import GIB
from service_runtime.settings import parse_settings

LAB, THEIRS, BARE = "registry.test/lab:1", "registry.test/theirs:3", "registry.test/bare:2"
RELAY: dict[str, Any] = {
    "members": ["https://relay-0.test", "https://relay-1.test"],
    "signing_key_file": "/keys/relay.pem",
}
FAR: dict[str, Any] = {
    "node": "far-node",
    "wall_time": {"default": "6h", "maximum": "24h"},
    "scratch": "20Gi",
    "cvmfs": True,
    "environment": {"XRD_CACHE": "root://cache.far.test"},
}
CATALOGUE: dict[str, Any] = {
    "images": {
        "lab": {"title": "Lab", "image": LAB, "offload": True, "cvmfsPath": "/cvmfs/unpacked.test/lab:1"},
        "theirs": {"title": "Theirs", "image": THEIRS, "offload": True, "groups": ["/them"]},
        "bare": {"title": "Bare", "image": BARE},
    },
    "cores": [1, 2],
}
SMALLEST: dict[str, Any] = {
    "namespace": "dask",
    "api_url": "http://gateway:8001/api",
    "metrics": "127.0.0.1:9108",
    "database": {"url": "sqlite:////data/gateway.sqlite", "key_file": "/keys/database"},
    "hub": {"url": "http://hub:8081/hub/api", "token_file": "/keys/hub"},
    "catalogue": CATALOGUE,
}
WITH_SITE: dict[str, Any] = {**SMALLEST, "relay": RELAY, "sites": {"local": {}, "far": FAR}}


def settings(base: Mapping[str, Any] = WITH_SITE, **changes: Any) -> Settings:
    return parse_settings(Settings, {**copy.deepcopy(dict(base)), **changes}, "the test")


CLUSTER = ClusterFacts(
    name="c" * 32,
    user="anna",
    image=LAB,
    site_image="/cvmfs/unpacked.test/lab:1",
    site="local",
    worker_cores=2,
    worker_memory=4 * GIB,
    gpus=0,
    wall_seconds=None,
    environment={"XRD_LOGLEVEL": "Info", "PRICE": "5$ of $(HOME)"},
)
AT_SITE = replace(CLUSTER, site="far", wall_seconds=6 * 3600)
