"""The command lines of scheduler and workers, on top of dask-gateway's own where it has a say."""

from collections.abc import Sequence

from offload_backend.core import places
from offload_backend.core.wall_time import lifetime
from offload_backend.model.facts import ClusterFacts

SCHEDULER_COMMAND = ("dask", "scheduler")
WORKER_COMMAND = ("dask", "worker")
DEATH_SECONDS = 300
"""How long a worker looks for its scheduler."""
_ANY = "0.0.0.0"  # noqa: S104 - a pod's own address


def scheduler_command(*, relay: bool, heartbeat: int, adaptive_seconds: float, idle_seconds: int) -> list[str]:
    """TLS comes first: dask-gateway's proxy is told the first address. The relay's has no port."""
    return [
        *SCHEDULER_COMMAND,
        "--protocol", "tls,relay" if relay else "tls",
        "--port", f"{places.SCHEDULER_PORT},0" if relay else str(places.SCHEDULER_PORT),
        "--dashboard-address", f"{_ANY}:{places.DASHBOARD_PORT}",
        "--preload", "highrate.dask.scheduler_preload",
        "--dg-api-address", f"{_ANY}:{places.API_PORT}",
        "--dg-heartbeat-period", str(heartbeat),
        "--dg-adaptive-period", f"{adaptive_seconds:g}",
        "--dg-idle-timeout", str(idle_seconds),
    ]  # fmt: skip


def worker_command(facts: ClusterFacts, worker: str, scheduler: str, *, relay: bool) -> list[str]:
    """`scheduler` is the address that workers dial. A nanny restarts the worker's process and watches its memory."""
    return [
        *WORKER_COMMAND,
        scheduler,
        "--protocol", "relay" if relay else "tls",
        # Dask's own worker takes its nanny along when its scheduler's stream is cut: a relay that restarts would end every job
        *(("--worker-class", "highrate.relay.worker.RelayWorker") if relay else ()),
        "--name", worker,
        "--nthreads", str(facts.worker_cores),
        "--memory-limit", str(memory_limit(facts.worker_memory)),
        "--local-directory", places.SCRATCH,
        "--no-dashboard",
        # a scheduler that is gone takes its workers along, also where nobody deletes their pods
        "--death-timeout", str(DEATH_SECONDS),
        *_lifetime(facts.wall_seconds),
    ]  # fmt: skip


def _lifetime(wall_seconds: int | None) -> Sequence[str]:
    if wall_seconds is None:
        return ()
    chosen = lifetime(wall_seconds)
    return "--lifetime", f"{chosen.lifetime}s", "--lifetime-stagger", f"{chosen.stagger}s"


def memory_limit(memory: int) -> int:
    """What Dask may use of a worker's memory: the nanny, and what lies between a limit and its being noticed, need some."""
    return memory - min(memory // 10, 256 * 2**20)


def scheduler_address(tls_address: str, *, relay: bool) -> str:
    """What workers dial: by the relay, with the scheduler's own address for whom is in the same network."""
    if not relay:
        return tls_address
    return f"relay://{places.SCHEDULER_ID}@{places.LOCAL_NETWORK}/{tls_address.removeprefix('tls://')}"
