"""Wiring: what is made from the settings, which loops run, and in what order they end."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from interlink.protocol.client import InterlinkClient
from kubernetes_client.answer import ApiError
from kubernetes_client.api import ApiServer
from service_runtime.boundary import keep_running
from service_runtime.files import read_token
from service_runtime.http_client import Deadlines, client_ssl_context
from service_runtime.listen import Listen, serve_app
from service_runtime.logs import follow_go_keys, get_logger
from service_runtime.metrics import serve_observability
from service_runtime.settings import warn_without_effect

from virtual_kubelet import __version__, metrics
from virtual_kubelet.control.ephemeral_containers import EphemeralContainers
from virtual_kubelet.control.handover import Handover
from virtual_kubelet.control.hearing import Hearing
from virtual_kubelet.control.node_controller import NodeController
from virtual_kubelet.control.pod_controller import Hands, PodController
from virtual_kubelet.control.poller import Poller
from virtual_kubelet.control.refresher import Refresher
from virtual_kubelet.control.remote import Remote
from virtual_kubelet.control.status_writer import StatusWriter
from virtual_kubelet.control.sweeper import Sweeper
from virtual_kubelet.control.watcher import Watcher
from virtual_kubelet.control.work_queue import WorkQueue
from virtual_kubelet.core.create_request import Translation
from virtual_kubelet.core.generation import keeps_generations
from virtual_kubelet.core.node_object import NodeIdentity
from virtual_kubelet.core.polling import Cadence
from virtual_kubelet.core.registry import Registry
from virtual_kubelet.core.volumes import VolumePolicy
from virtual_kubelet.io.certificate import KubeletFiles
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.io.kubelet_access import KubeletAccess
from virtual_kubelet.io.kubelet_port import KubeletPort
from virtual_kubelet.io.node_lease import NodeLease
from virtual_kubelet.io.node_registration import NodeRegistration
from virtual_kubelet.io.node_stats import NodeStats
from virtual_kubelet.io.objects import ObjectReader
from virtual_kubelet.io.pod_watch import PodWatch
from virtual_kubelet.model.known_pod import Stage
from virtual_kubelet.settings import WITHOUT_EFFECT, Settings

AGENT = "highrate-virtual-kubelet"
DRAIN_SECONDS = 15.0
GAUGE_SECONDS = 5.0
API_RETRY_SECONDS = 2.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Parts:
    """All that runs."""

    registry: Registry
    events: EventRecorder
    node: NodeController
    pods: PodController
    poller: Poller
    watcher: Watcher
    sweeper: Sweeper
    refresher: Refresher
    ephemeral: EphemeralContainers
    watch: PodWatch
    port: KubeletPort

    @property
    def queues(self) -> tuple[WorkQueue, ...]:
        return self.pods.queue, self.refresher.queue, self.ephemeral.queue

    def ready(self) -> str | None:
        """Why the node is not at work yet, for /readyz."""
        if not self.node.registered:
            return "the node is not registered"
        return None if self.watch.synced.is_set() else "the pods of the node are not listed yet"


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the virtual node until `stop` is set."""
    follow_go_keys(settings.verbose_logging, settings.errors_only_logging)
    warn_without_effect(settings, WITHOUT_EFFECT)
    if settings.in_the_clear:
        log.warning(
            "interlink.plain_http", url=settings.interlink, risk="whoever is in between reads pods and their Secrets"
        )
    client = InterlinkClient(
        settings.interlink,
        token=_token_reader(settings),
        ssl_context=_ssl_context(settings),
        # control.remote limits whole calls; a long log may take as long as it flows
        deadlines=Deadlines(first_byte=settings.create_timeout, total=None),
        log_streams=settings.log_streams,
    )
    parts: _Parts | None = None

    def ready() -> str | None:
        return parts.ready() if parts is not None else "the API server does not answer"

    async with (
        await ApiServer.connect(settings.kubeconfig, AGENT, metrics.API) as api,
        client,
        serve_observability(settings.metrics_address, ready),
    ):
        version = await _api_version(api, stop)
        if version is None:
            return
        parts = _assemble(settings, api, client, version)
        async with _kubelet_port(settings, api, parts.port):
            await _run(parts, stop)


async def _api_version(api: ApiServer, stop: asyncio.Event) -> str | None:
    """Wait for the API server; its version, or None if we were told to stop meanwhile."""
    while not stop.is_set():
        try:
            version = (await api.get("/version")).get("gitVersion")
            if isinstance(version, str):
                return version
            log.warning("api.waiting", error="what answers at the API server's address tells no version")
        except ApiError as error:
            log.warning("api.waiting", status=error.status, error=error.message)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(API_RETRY_SECONDS):
                await stop.wait()
    return None


def _token_reader(settings: Settings) -> Callable[[], str] | None:
    path = settings.vk_token_file
    return None if path is None else lambda: read_token(path)


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if not settings.interlink.startswith("https://"):
        return None
    tls = settings.tls
    context = client_ssl_context(
        (tls.ca_cert_file if tls.enabled else None) or settings.http.ca_cert,
        tls.cert_file if tls.enabled else None,
        tls.key_file if tls.enabled else None,
    )
    if settings.http.insecure:
        log.warning("interlink.certificate_not_checked")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _assemble(settings: Settings, api: ApiServer, client: InterlinkClient, api_version: str) -> _Parts:
    name, identity = settings.node_name, _identity(settings, api_version)
    registry, events, wanted = Registry(), EventRecorder(api, name), asyncio.Event()
    remote = Remote(client, name, settings.create_timeout)
    writer = StatusWriter(api, registry, generations=keeps_generations(api_version))
    reader, translation = ObjectReader(api, settings.namespaces, settings.service_links), _translation(settings)
    node = NodeController(
        identity=identity,
        configured=settings.capacity,
        remote=remote,
        registration=NodeRegistration(api, identity),
        lease=NodeLease(api, name),
        events=events,
        token=_token_reader(settings) or str,
        ping_seconds=settings.ping_interval,
        not_ready_after=settings.not_ready_after,
        reconnected=lambda: _reconnected(pods, wanted),
    )
    handover = Handover(
        remote=remote, reader=reader, writer=writer, events=events, translation=translation, node=node.facts
    )
    pods = PodController(registry, Hands(api, remote, events, handover, writer), wanted.set, settings.pod_ip)
    refresher = Refresher(
        registry,
        remote,
        reader,
        events,
        translation=translation,
        node=node.facts,
        interval=settings.refresh_interval,
    )
    ephemeral = EphemeralContainers(
        registry, remote, reader, events, translation=translation, node=node.facts, show=pods.queue.add
    )
    cadence = Cadence(settings.status_poll.minimum, settings.status_poll.maximum)
    hearing = Hearing(remote, pods.queue, events)
    watcher = Watcher(registry, remote, hearing, wanted.set)
    poller = Poller(registry, remote, hearing, cadence, wanted, watcher=watcher)
    return _Parts(
        registry=registry,
        events=events,
        node=node,
        pods=pods,
        poller=poller,
        watcher=watcher,
        sweeper=Sweeper(api, registry, remote, settings.sweep_interval),
        refresher=refresher,
        ephemeral=ephemeral,
        watch=PodWatch(api, name, registry, pods.queue.add, pods.queue.mention),
        port=KubeletPort(
            registry, client, KubeletAccess(api, name), NodeStats(name, registry, remote), lambda: remote.executes
        ),
    )


def _identity(settings: Settings, api_version: str) -> NodeIdentity:
    return NodeIdentity(
        name=settings.node_name,
        address=settings.pod_ip,
        port=settings.kubelet_port,
        version=f"{api_version}-highrate-{__version__}",
        pod_cidr=settings.pod_cidr.subnet,
        labels=settings.labels,
        taints=settings.taints,
        reserved=settings.no_schedule_taint,
    )


def _reconnected(pods: PodController, poll_wanted: asyncio.Event) -> None:
    """The site is there again: what was put off is worth a try now."""
    pods.queue.hurry()
    poll_wanted.set()


def _translation(settings: Settings) -> Translation:
    policy = VolumePolicy(
        projected=not settings.disable_projected_volumes,
        api_token=settings.deliver_api_token,
        root_ca=settings.kubernetes_api_ca_crt,
    )
    has_address = bool(settings.kubernetes_api_addr)
    address = (settings.kubernetes_api_addr, settings.kubernetes_api_port) if has_address else None
    return Translation(policy, address, settings.job_script_builder_url, settings.service_links)


@contextlib.asynccontextmanager
async def _kubelet_port(settings: Settings, api: ApiServer, port: KubeletPort) -> AsyncIterator[None]:
    given = None
    if settings.kubelet_cert_file is not None and settings.kubelet_key_file is not None:
        given = (settings.kubelet_cert_file, settings.kubelet_key_file)
    address, client_ca = settings.pod_ip, settings.kubelet_client_ca
    files = KubeletFiles(api, node=settings.node_name, address=address, given=given, client_ca=client_ca)
    await files.refresh()
    listen = Listen("https", host=settings.kubelet_url, port=settings.kubelet_port)
    async with serve_app(port.application(), listen, files.tls, drain_seconds=2, require_client=False):
        keeping = asyncio.create_task(keep_running("kubelet files", files.run, metrics.LOOP_FAILURES))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def _run(parts: _Parts, stop: asyncio.Event) -> None:
    """Run all loops; at the end, let what is under way finish, and write the events that are waiting."""
    loops: dict[str, Callable[[], Awaitable[None]]] = {
        "node": parts.node.run_node,
        "lease": parts.node.run_lease,
        "events": parts.events.run,
        "watch": parts.watch.run,
        "poller": lambda: _after(parts.watch.synced, parts.poller.run),
        "watcher": lambda: _after(parts.watch.synced, parts.watcher.run),
        "sweeper": lambda: _after(parts.watch.synced, parts.sweeper.run),
        "refresher": lambda: _after(parts.watch.synced, parts.refresher.run),
        "ephemeral containers": lambda: _after(parts.watch.synced, parts.ephemeral.run),
        "gauges": lambda: _count(parts),
    }
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(keep_running(name, loop, metrics.LOOP_FAILURES)) for name, loop in loops.items()]
            await stop.wait()
            await parts.pods.queue.drain(DRAIN_SECONDS)
            for task in tasks:
                task.cancel()
    finally:
        for queue in parts.queues:
            await queue.drain(0)
    await parts.events.drain(2.0)


async def _after(event: asyncio.Event, loop: Callable[[], Awaitable[None]]) -> None:
    await event.wait()
    await loop()


async def _count(parts: _Parts) -> None:
    """Refresh the gauges now and then."""
    while True:
        stages = Counter("ended" if pod.terminal else pod.stage.value for pod in parts.registry)
        for stage in ("ended", *(stage.value for stage in Stage)):
            metrics.PODS.labels(stage).set(stages[stage])
        for queue in parts.queues:
            queue.count()
        await asyncio.sleep(GAUGE_SECONDS)
