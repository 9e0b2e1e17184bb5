"""Makes and removes the objects of clusters. Doing either again changes nothing."""

import asyncio
from collections.abc import Callable
from urllib.parse import quote

from kubernetes_client.answer import ApiError
from kubernetes_client.api import APPLY, ApiServer

from offload_backend.core import names
from offload_backend.core.pod import JsonObject
from offload_backend.model.facts import Owner

MANAGER = "offload-backend"
_BACKGROUND: JsonObject = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}


class TakenError(Exception):
    """Another object has the name."""


class ClusterObjects:
    def __init__(self, api: ApiServer, namespace: str, instance: str) -> None:
        self._api = api
        self._place = f"/api/v1/namespaces/{namespace}"
        self._instance = instance
        self._sweeping = asyncio.Lock()

    async def apply_secret(self, secret: JsonObject) -> Owner:
        """Make or renew the Secret of a cluster. Raises ApiError."""
        async with self._sweeping:
            pass  # a sweep that is under way doesn't know a cluster of after its start
        path = f"{self._place}/secrets/{secret['metadata']['name']}"
        made = await self._api.patch(path, secret, APPLY, fieldManager=MANAGER, force="true")
        return Owner("Secret", made["metadata"]["name"], made["metadata"]["uid"])

    async def create_pod(self, pod: JsonObject) -> JsonObject:
        """Make a pod, or find it where it was made before. Raises ApiError, TakenError."""
        try:
            return await self._api.post(f"{self._place}/pods", pod)
        except ApiError as error:
            # also "409: object is being deleted" and conflicts with quotas, which say nothing about a pod of the name
            if error.status != 409 or "already exists" not in error.message:
                raise
        name = pod["metadata"]["name"]
        found = await self._api.get(f"{self._place}/pods/{name}")
        if found["metadata"].get("labels", {}).get(names.CLUSTER_LABEL) != names.label(pod, names.CLUSTER_LABEL):
            raise TakenError(f"there is a pod {name} that isn't ours")
        return found

    async def delete_pod(self, name: str) -> None:
        """Raises ApiError; a pod that is gone is none."""
        await self._delete(f"{self._place}/pods/{quote(name)}")

    async def delete_cluster(self, cluster: str) -> None:
        """Remove the root, and, rather than wait for the garbage collector, all pods of a cluster. Raises ApiError."""
        await self._delete(f"{self._place}/secrets/{names.secret_name(cluster)}")
        await self._api.delete(
            f"{self._place}/pods", _BACKGROUND, labelSelector=names.of_cluster(self._instance, cluster)
        )

    async def delete_secrets_of_none(self, known: Callable[[], list[str]]) -> None:
        """Remove the Secrets that belong to no cluster that is `known` as it begins, without reading any. Raises ApiError."""
        async with self._sweeping:
            selector = names.of_no_cluster(self._instance, known())
            await self._api.delete(f"{self._place}/secrets", _BACKGROUND, labelSelector=selector)

    async def _delete(self, path: str) -> None:
        try:
            await self._api.delete(path, _BACKGROUND)
        except ApiError as error:
            if not error.absent:
                raise
