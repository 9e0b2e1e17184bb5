"""Brings the Node object to the state it should have: registered, patched, and registered again if somebody deleted it."""

import time

from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

from virtual_kubelet.core.node_object import (
    NodeIdentity,
    NodeState,
    new_node,
    next_status,
    node_status_patch,
    object_patch,
)
from virtual_kubelet.core.patch import status_patch
from virtual_kubelet.core.timestamp import rfc3339
from virtual_kubelet.model.pod import JsonObject

NODES = "/api/v1/nodes"
# NodeRestriction lets a kubelet's identity set no other labels of kubernetes.io on itself
RESTRICTED_LABELS = ("kubernetes.io/role", "alpha.service-controller.kubernetes.io/exclude-balancer")

log = get_logger(__name__)


class NodeRegistration:
    """Knows the node as the API server last showed it."""

    def __init__(self, api: ApiServer, identity: NodeIdentity) -> None:
        self._api = api
        self._identity = identity
        self._node: JsonObject | None = None
        self._restricted = False

    @property
    def uid(self) -> str:
        uid: str = self._node["metadata"]["uid"] if self._node else ""
        return uid

    async def read(self) -> JsonObject | None:
        """Look at the node afresh; None if there is none. Raises ApiError."""
        try:
            self._node = await self._api.get(f"{NODES}/{self._identity.name}")
        except ApiError as error:
            if not error.absent:
                raise
            self._node = None
        return self._node

    async def apply(self, state: NodeState, heartbeat: bool) -> None:
        """Write what differs from `state`; with `heartbeat` also the time. Raises ApiError; nothing is lost by trying again."""
        if self._node is None or heartbeat:
            await self.read()
        try:
            if self._node is None:
                await self._register(state)
            node = await self._patch_object(state)
            await self._patch_status(node, state, heartbeat)
        except ApiError as error:
            if error.absent or error.conflict:
                self._node = None  # deleted or changed by somebody else: look again next time
            raise

    async def _register(self, state: NodeState) -> None:
        body = new_node(self._identity, state, _now())
        try:
            self._node = await self._api.post(NODES, body)
        except ApiError as error:
            if error.status != 403:
                raise
            self._restrict(error)
            for label in RESTRICTED_LABELS:
                body["metadata"]["labels"].pop(label, None)
            self._node = await self._api.post(NODES, body)
        log.info("node.registered", node=self._identity.name)

    async def _patch_object(self, state: NodeState) -> JsonObject:
        node = self._known()
        patch = self._allowed(object_patch(node, self._identity, state))
        if not patch:
            return node
        try:
            self._node = await self._api.patch(f"{NODES}/{self._identity.name}", patch)
        except ApiError as error:
            if error.status != 403 or self._restricted:
                raise
            self._restrict(error)  # the rest is written at the next turn
        return self._known()

    def _allowed(self, patch: JsonObject) -> JsonObject:
        """What NodeRestriction leaves of a patch, where it was found at work: no taints, and not every label."""
        if not self._restricted:
            return patch
        metadata = {key: value for key, value in patch.get("metadata", {}).items() if key != "resourceVersion"}
        if "labels" in metadata:
            labels = {k: v for k, v in metadata["labels"].items() if k not in RESTRICTED_LABELS}
            have = self._known()["metadata"].get("labels") or {}
            metadata["labels"] = {k: v for k, v in labels.items() if have.get(k) != v}
        metadata = {key: value for key, value in metadata.items() if value}
        return {"metadata": metadata} if metadata else {}

    async def _patch_status(self, node: JsonObject, state: NodeState, heartbeat: bool) -> None:
        wanted = next_status(node, self._identity, state, _now())
        patch = status_patch(node.get("status") or {}, wanted) if heartbeat else node_status_patch(node, wanted)
        if patch:
            self._node = await self._api.patch(f"{NODES}/{self._identity.name}/status", {"status": patch})

    def _known(self) -> JsonObject:
        if self._node is None:
            raise ApiError(404, "the node is not registered")
        return self._node

    def _restrict(self, error: ApiError) -> None:
        self._restricted = True
        log.warning(
            "node.restricted", labels_left_out=RESTRICTED_LABELS, taints="stay as they are", error=error.message
        )


def _now() -> str:
    return rfc3339(time.time())
