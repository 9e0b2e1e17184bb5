"""Many workers in one process: `python -m tests.bench.simulated_workers COUNT SCHEDULER FOLDER`, until its standard input closes.

Each is a whole Worker of Dask's, with a connection of its own through the relay. What they do by the clock for themselves is
switched off: a process of a thousand would do nothing else.
"""

import asyncio
import os
import sys

import dask.config
from distributed import Security, Worker

AT_ONCE = 20
QUIET = {
    "distributed.admin.tick.interval": "60s",
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.monitor-interval": "60s",
}


async def main(count: int, scheduler: str, folder: str) -> None:
    security = Security(  # type: ignore[no-untyped-call]
        tls_ca_file=f"{folder}/ca.pem", tls_worker_cert=f"{folder}/cert.pem", tls_worker_key=f"{folder}/key.pem"
    )
    gate = asyncio.Semaphore(AT_ONCE)

    async def start(number: int) -> Worker:
        made = Worker(
            scheduler,
            name=f"{os.getpid()}-{number}",
            nthreads=1,
            protocol="relay",
            security=security,
            dashboard=False,
            memory_limit=0,
            local_directory=folder,
        )
        async with gate:
            await made
        return made

    kept = await asyncio.gather(*(start(number) for number in range(count)))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    del kept


if __name__ == "__main__":
    with dask.config.set(QUIET):
        asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
