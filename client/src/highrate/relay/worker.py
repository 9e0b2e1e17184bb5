"""A worker whose nanny stays when the way to the scheduler breaks: `dask worker --worker-class highrate.relay.worker.RelayWorker`.

Dask's own worker ends for good when its connection to the scheduler is gone, and takes its nanny along: where connections are
direct, that means a scheduler that has ended. Where they pass a relay it may mean that the relay was replaced. At a batch
system the job would be over, and another one would have to wait in the queue. So here the worker alone ends, the nanny starts
the next one, and that connects as soon as there is a relay; a scheduler that is gone ends it by `--death-timeout`.
"""

from distributed import Worker
from distributed.comm import Comm


class RelayWorker(Worker):
    """Without a nanny, it is Dask's own worker."""

    async def handle_scheduler(self, comm: Comm) -> None:
        try:
            await self.handle_stream(comm)
        finally:
            # a retired worker, or one that was told to close, is closing already: this changes nothing for it then
            await self.close(reason="connection-to-scheduler-lost", nanny=self.nanny is None)
