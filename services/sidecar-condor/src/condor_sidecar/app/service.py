"""Puts the service together and runs it: the loops in one task group, REST while they run, everything closed at the end."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from service_runtime.files import write_atomically
from service_runtime.listen import Listen, serve_app, warn_of_strangers
from service_runtime.logs import get_logger
from service_runtime.metrics import serve_observability

from condor_sidecar import metrics
from condor_sidecar.app.boundary import keep_running
from condor_sidecar.app.channel import access
from condor_sidecar.app.channel.channels import Channels
from condor_sidecar.app.channel.final import FinalRecords
from condor_sidecar.app.channel.running_pods import RunningPods
from condor_sidecar.app.channel.server import ChannelServer
from condor_sidecar.app.exec import Commands
from condor_sidecar.app.fetcher import Fetcher
from condor_sidecar.app.health import Health
from condor_sidecar.app.intake import Intake
from condor_sidecar.app.job_channels import JobChannels, NoChannels
from condor_sidecar.app.live import LiveLogs
from condor_sidecar.app.log_stream import LogStreams
from condor_sidecar.app.pods import PodTable
from condor_sidecar.app.poller import Poller
from condor_sidecar.app.remover import Remover
from condor_sidecar.app.rest import Rest
from condor_sidecar.app.submitter import Submitter
from condor_sidecar.app.updates import Updates
from condor_sidecar.core.policy import ChannelAccess
from condor_sidecar.core.reaction import HoldRules
from condor_sidecar.io.journal import Journal, JournalError
from condor_sidecar.io.output_store import OutputStore
from condor_sidecar.io.schedd import Schedd
from condor_sidecar.job.executable import executable
from condor_sidecar.model.calls import ConnectionSettings
from condor_sidecar.settings import Output, Settings, condor_params, site_policy

HOUSEKEEPING_SECONDS = 60.0
DRAIN_SECONDS = 10.0

log = get_logger(__name__)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop` is set. Raises JournalError when the data folder can't be used."""
    endpoint = settings.endpoint
    connection = ConnectionSettings(endpoint.collector, endpoint.schedd, condor_params(endpoint.auth))
    await serve_with(settings, stop, Schedd(settings.instance, connection))


async def serve_with(settings: Settings, stop: asyncio.Event, schedd: Schedd) -> None:
    """The same with a given schedd."""
    os.umask(0o077)
    store = OutputStore(settings.data)
    await asyncio.to_thread(store.prepare)
    program = await asyncio.to_thread(_install_executable, settings.data)
    journal = Journal(settings.data / "journal.sqlite")
    table = PodTable(journal, tell_address=settings.policy.tell_pod_address, has_channel=settings.channel is not None)
    table.restore(await journal.open())
    # not before: the journal keeps a second sidecar from working in this folder
    await asyncio.to_thread(store.remove_left_payloads)
    log.info("journal.read", pods=len(table.pods), tombstones=len(table.tombstones))
    try:
        await _run(settings, stop, schedd, table, store=store, program=program)
    finally:
        await schedd.close()
        await journal.close()


async def _run(
    settings: Settings, stop: asyncio.Event, schedd: Schedd, table: PodTable, *, store: OutputStore, program: Path
) -> None:
    limits = settings.endpoint.limits
    health = Health(settings.endpoint.auth.token_file)
    look_soon = asyncio.Event()
    submitter = Submitter(table, schedd, store, health, limits=limits, executable=program, look_soon=look_soon)
    fetcher = Fetcher(table, schedd, store, health, settings.output.fetch_patience_seconds)
    rules = HoldRules(settings.endpoint.mode, settings.hold.grace)
    poller = Poller(
        table,
        schedd,
        health,
        submitter=submitter,
        fetcher=fetcher,
        look_soon=look_soon,
        intervals=settings.poll,
        hold=settings.hold,
        rules=rules,
    )
    remover = Remover(table, schedd, store, health, poller)
    live = LiveLogs(table, schedd, store, settings.output.live_seconds)
    working: dict[str, Callable[[], Awaitable[None]]] = {
        "submitter": submitter.run,
        "poller": poller.run,
        "fetcher": fetcher.run,
        "remover": remover.run,
        "housekeeping": lambda: _keep_house(store, table, remover, live, settings.output),
    }
    jobs = await asyncio.to_thread(access.read, settings)
    policy = site_policy(settings, jobs)
    async with asyncio.TaskGroup() as accepts:
        intake = Intake(table, submitter, policy, limits, accepts)
        channels = Channels(table, jobs.secret if jobs else b"", FinalRecords(table, store, accepts))
        reach: JobChannels = RunningPods(channels) if jobs else NoChannels()
        rest = Rest(
            table,
            intake=intake,
            remover=remover,
            logs=LogStreams(table, live, store, channels),
            updates=Updates(table, reach, policy),
            channels=reach,
            health=health,
            resources=settings.resources,
            node=settings.node or settings.instance,
            longest_grace=settings.policy.max_grace_seconds,
            commands=Commands(table.names_of, channels) if jobs is not None else None,
        )
        app, listen = rest.application(settings.max_body_bytes), Listen.parse(settings.listen)
        warn_of_strangers(listen, settings.tls)
        async with (
            # ready from here on: pods are taken while the schedd is away, and taking them is what readiness is about
            serve_observability(settings.metrics, lambda: None),
            _serve_channel(settings, table, channels, jobs),
            serve_app(app, listen, settings.tls),
            asyncio.TaskGroup() as loops,
        ):
            submitter.wake.set()
            running = [loops.create_task(keep_running(name, run)) for name, run in working.items()]
            # without it nothing can be promised: the process ends, and whoever keeps it running starts it again
            running.append(loops.create_task(table.journal.broken()))
            await stop.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await submitter.finish()
            for task in running:
                task.cancel()


@contextlib.asynccontextmanager
async def _serve_channel(
    settings: Settings, table: PodTable, channels: Channels, jobs: ChannelAccess | None
) -> AsyncIterator[None]:
    """Take connections of jobs inside the context, where that is configured."""
    if settings.channel is None or jobs is None:
        yield
        return
    app = ChannelServer(table, channels, jobs.secret, settings.channel).application()
    listen = Listen.parse(settings.channel.listen)
    async with serve_app(app, listen, settings.channel.tls) as bound:
        log.info("channel.listening", listen=str(listen), bound=bound, url=settings.channel.url)
        yield


async def _keep_house(store: OutputStore, table: PodTable, remover: Remover, live: LiveLogs, output: Output) -> None:
    """Bound what grows: logs on the disk and in memory, tombstones."""
    while True:
        live.forget()
        try:
            # the table itself: a copy would lack the pods that are accepted while the disk is walked
            left = await asyncio.to_thread(store.prune, output.keep_deleted_seconds, output.max_bytes, table.pods)
            metrics.STORED_BYTES.set(left)
            await remover.forget_old()
        except (OSError, JournalError) as error:
            log.warning("housekeeping.failed", reason=str(error))
        await asyncio.sleep(HOUSEKEEPING_SECONDS)


def _install_executable(data: Path) -> Path:
    """The file that every job transfers as its executable; named by its content, so that a new version never changes
    one that is being sent."""
    content = executable()
    path = data / f"supervisor-{hashlib.sha256(content).hexdigest()[:12]}"
    if not path.exists():
        write_atomically(path, content, mode=0o700)
    return path
