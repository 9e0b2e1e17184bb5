"""A forwarder of TCP connections that cuts, refuses and stands still: what networks do between a job and its sidecar."""

import asyncio
from types import TracebackType
from typing import Self


class Cutter:
    """Forwards what arrives at `port` to another port of this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.refuses = False
        self.made = 0
        self.cut_after: int | None = None
        """Bytes from the dialling side after which each connection is cut; None: never."""
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._flows.set()
        self.cut()

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """End all connections, in the middle of whatever they carry."""
        for writer in list(self._writers):
            transport = writer.transport
            assert isinstance(transport, asyncio.Transport)
            transport.abort()

    def stand_still(self, still: bool) -> None:
        """Carry nothing any more, without ending anything; or go on."""
        if still:
            self._flows.clear()
        else:
            self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        if self.refuses:
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        pair = {writer, back}
        self._writers |= pair
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, back, self.cut_after))
                group.create_task(self._carry(there, writer, None))
        except* OSError:
            pass
        finally:
            self._writers -= pair
            for each in pair:
                each.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
        """Raises ConnectionError at the end: one direction's end is the other's as well."""
        carried = 0
        while data := await reader.read(4096):
            await self._flows.wait()
            carried += len(data)
            if most is not None and carried > most:
                break
            writer.write(data)
            await writer.drain()
        raise ConnectionError
