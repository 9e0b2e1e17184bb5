"""Writes pod statuses: a patch of what changed, by UID, and no request when nothing did."""

from kubernetes_client.api import ApiServer
from service_runtime.logs import get_logger

from virtual_kubelet.core.generation import observed
from virtual_kubelet.core.patch import status_patch
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.known_pod import KnownPod
from virtual_kubelet.model.pod import JsonObject, pod_path

log = get_logger(__name__)


class StatusWriter:
    """The only place that changes pods at the API server."""

    def __init__(self, api: ApiServer, registry: Registry, *, generations: bool) -> None:
        """`generations`: the API server keeps observedGeneration."""
        self._api = api
        self._registry = registry
        self._generations = generations

    async def write(self, known: KnownPod, pod: JsonObject, wanted: JsonObject) -> None:
        """Bring the pod's status to `wanted`, and the job's id into its annotations. Raises ApiError.

        `pod` is the object that `wanted` was made from. The UID in the patch makes the API server refuse it for a later pod of
        the same name. That and a 404 end nothing: they may be the word of something in between, and the watch tells of a pod that
        is gone.
        """
        if self._generations and not known.terminal:
            wanted = observed(wanted, pod["metadata"].get("generation"))
        patch: JsonObject = {}
        status = status_patch(pods.status(pod), wanted)
        if status:
            patch["status"] = status
        metadata: JsonObject = {"uid": known.uid}
        if known.job_id and pods.annotations(pod).get(pods.JOB_ID_ANNOTATION) != known.job_id:
            # the status subresource takes annotations along: one request instead of two
            metadata["annotations"] = {pods.JOB_ID_ANNOTATION: known.job_id}
        if not patch and len(metadata) == 1:
            return
        path = f"{pod_path(known.namespace, known.name)}/status"
        updated = await self._api.patch(path, {"metadata": metadata, **patch})
        before = known.phase
        self._registry.seen(updated)
        if known.phase != before:
            log.info("pod.phase", pod_uid=known.uid, pod=known.reference, phase=known.phase, before=before)
