"""The node's lease: the sign of life that Kubernetes' node controller looks at."""

import asyncio
import time

from kubernetes_client.answer import ApiError
from kubernetes_client.api import MERGE, ApiServer
from service_runtime.backoff import Backoff

from virtual_kubelet.core.timestamp import rfc3339_micro
from virtual_kubelet.model.pod import JsonObject

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
DURATION_SECONDS = 40
RENEW_SECONDS = 10.0
DEADLINE_SECONDS = 8.0
"""For one renewal: a connection that hangs leaves time for others before the lease runs out."""
RETRY = Backoff(1.0, 2.0)


class NodeLease:
    """One lease, named after the node and owned by it."""

    def __init__(self, api: ApiServer, node: str) -> None:
        self._api = api
        self._node = node
        self._made_for = ""

    async def renew(self, node_uid: str) -> bool:
        """Renew the lease, make it for a node that has none yet. False: it was there and is gone. Raises ApiError."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await self._renew(node_uid)
        except TimeoutError as error:
            raise ApiError(0, f"the lease was not renewed within {DEADLINE_SECONDS:.0f} s") from error

    async def _renew(self, node_uid: str) -> bool:
        now = rfc3339_micro(time.time())
        spec: JsonObject = {"holderIdentity": self._node, "leaseDurationSeconds": DURATION_SECONDS, "renewTime": now}
        owner: JsonObject = {"apiVersion": "v1", "kind": "Node", "name": self._node, "uid": node_uid}
        patch: JsonObject = {"metadata": {"ownerReferences": [owner]}, "spec": spec}
        try:
            await self._api.patch(f"{LEASES}/{self._node}", patch, MERGE)
        except ApiError as error:
            if not error.absent:
                raise
            if self._made_for == node_uid:
                self._made_for = ""
                return False
            await self._create(patch)
        self._made_for = node_uid
        return True

    async def _create(self, lease: JsonObject) -> None:
        metadata = {**lease["metadata"], "name": self._node, "namespace": "kube-node-lease"}
        kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        await self._api.post(LEASES, {**kind, "metadata": metadata, "spec": lease["spec"]})
