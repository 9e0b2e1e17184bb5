"""Brings clusters and workers from the database to Kubernetes.

dask-gateway's own way fails what can't be started at the first try, and holds one of its few hands while it tries. Here an
API server that is away, or a quota that is used up, only means later: the object goes back to the queue, and nothing that is to
be stopped waits behind it.
"""

import time
from typing import Any

from dask_gateway_server.backends.db_base import Cluster, JobStatus, Worker
from kubernetes_client.answer import ApiError
from service_runtime.backoff import Backoff
from service_runtime.logs import get_logger

from offload_backend.app.cluster_config import facts
from offload_backend.core import names
from offload_backend.core.command import scheduler_address
from offload_backend.core.relay_member import member
from offload_backend.core.scheduler_pod import scheduler_pod
from offload_backend.core.secret import secret
from offload_backend.core.worker_pod import worker_pod
from offload_backend.io.cluster_objects import ClusterObjects, TakenError
from offload_backend.io.pod_watch import PodWatch
from offload_backend.io.tickets import KeyUnusable, TicketSigner
from offload_backend.model.facts import Credentials, Owner
from offload_backend.model.settings import Settings
from offload_backend.model.values import seconds

_AGAIN = Backoff(0.5, 30.0)

log = get_logger(__name__)


class Submission:
    """`gateway` is the backend: its database and its queue."""

    def __init__(self, gateway: Any, settings: Settings, objects: ClusterObjects, watch: PodWatch) -> None:
        self._gateway = gateway
        self._settings = settings
        self._objects = objects
        self._watch = watch
        self._tries: dict[str, int] = {}
        self.delays: dict[str, str] = {}
        """Why something waits to be made, by the name of the cluster or worker."""
        relay = settings.relay
        self._signer = TicketSigner(relay.signing_key_file, seconds(relay.ticket_lifetime)) if relay else None

    async def cluster(self, cluster: Cluster) -> None:
        """One attempt for a cluster that is to run and has no scheduler yet."""
        if not self._has_site(cluster):
            return
        try:
            await self.renew(cluster)
            owner = Owner("Secret", names.secret_name(cluster.name), cluster.state["secret_uid"])
            pod = await self._objects.create_pod(scheduler_pod(self._settings, facts(cluster), owner))
        except (ApiError, KeyUnusable, TakenError) as error:
            if self._later(cluster, error, cluster.start_time, seconds(self._settings.timing.cluster_start)):
                return
            self._gateway.fail_cluster(cluster, f"The scheduler can't be made: {_words(error)}", JobStatus.SUBMITTED)
            return
        self._made(cluster, pod)
        state = {**cluster.state, "scheduler_uid": pod["metadata"]["uid"]}
        self._gateway.db.update_cluster(cluster, state=state, status=JobStatus.SUBMITTED)
        log.info("cluster.submitted", cluster=cluster.name, user=cluster.username)
        # a scheduler that was made before a restart may have reported already
        self._gateway.queue.put(cluster)

    async def renew(self, cluster: Cluster) -> None:
        """Make the cluster's Secret, or give it fresh tickets. Raises ApiError, KeyUnusable."""
        tickets, state = dict[str, str](), dict(cluster.state)
        relay = self._settings.relay
        if relay is not None and self._signer is not None:
            # once chosen it stays: scheduler and workers have to meet
            state.setdefault("relay", member(relay.members, cluster.name))
            tickets = self._signer.tickets(state["relay"], cluster.name, cluster.username)
            state["tickets"] = int(time.time())
        authority = relay.ca_file.read_bytes() if relay is not None and relay.ca_file is not None else None
        credentials = Credentials(cluster.tls_cert, cluster.tls_key, cluster.token, tickets, authority)
        owner = await self._objects.apply_secret(secret(self._settings, facts(cluster), credentials))
        self._gateway.db.update_cluster(cluster, state={**state, "secret_uid": owner.uid})

    async def worker(self, worker: Worker) -> None:
        """One attempt for a worker that is to run and has no pod yet."""
        if not self._has_site(worker.cluster):
            return
        cluster = worker.cluster
        owner = Owner("Pod", names.scheduler_name(cluster.name), cluster.state.get("scheduler_uid", ""))
        relay = self._settings.relay is not None
        address = scheduler_address(cluster.scheduler_address, relay=relay)
        try:
            pod = await self._objects.create_pod(
                worker_pod(self._settings, facts(cluster), worker.name, owner, address)
            )
        except (ApiError, TakenError) as error:
            if self._later(worker, error, worker.start_time, seconds(self._settings.timing.worker_start)):
                return
            cluster.worker_start_failure_count += 1
            state = {"stage": "failed", "reason": "NotMade", "message": _words(error)}
            self._gateway.db.update_worker(worker, status=JobStatus.SUBMITTED, target=JobStatus.FAILED, state=state)
            self._gateway.queue.put(worker)
            return
        self._made(worker, pod)
        if worker.status == JobStatus.CREATED:  # else its scheduler told of it meanwhile
            self._gateway.db.update_worker(worker, status=JobStatus.SUBMITTED)

    def _has_site(self, cluster: Cluster) -> bool:
        """Whether the site is still offered; the cluster ends if not, since it would get no more workers."""
        site = cluster.config.site
        if site in self._settings.sites:
            return True
        self._gateway.fail_cluster(cluster, f"The site {site} is not offered any more. Make a cluster at another one.")
        return False

    def _made(self, thing: Cluster | Worker, pod: dict[str, Any]) -> None:
        self.forget(thing)
        self._watch.note(pod)

    def forget(self, thing: Cluster | Worker) -> None:
        self._tries.pop(thing.name, None)
        self.delays.pop(thing.name, None)

    def _later(self, thing: Cluster | Worker, error: Exception, since: int, limit: int) -> bool:
        """Whether to try again; then it is in the queue."""
        passing = isinstance(error, KeyUnusable) or (isinstance(error, ApiError) and _passes(error))
        if not passing or time.time() - since / 1000 > limit:
            self.forget(thing)
            log.warning("submission.failed", name=thing.name, error=str(error))
            return False
        tries = self._tries[thing.name] = self._tries.get(thing.name, -1) + 1
        self.delays[thing.name] = _words(error)
        log.log(30 if tries < 3 else 20, "submission.later", name=thing.name, error=str(error), tries=tries)
        self._gateway.queue.put_after(thing, _AGAIN.delay(tries))
        return True


def _passes(error: ApiError) -> bool:
    """The same request may well be taken later: the server is away or busy, or a quota is used up now."""
    exhausted = error.status == 403 and "exceeded quota" in error.message
    return error.away or error.conflict or error.status == 408 or exhausted


def _words(error: Exception) -> str:
    if isinstance(error, KeyUnusable):
        # where the key lies is nobody's business but the administrators'
        return "the relay's tickets can't be signed; tell the platform's administrators"
    if isinstance(error, ApiError):
        return error.message if error.status else "the API server is away"
    return str(error)
