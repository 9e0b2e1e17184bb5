"""Bytes of logs that readers hold, all together: a reader may be slow, and there may be many of them, each with a whole log."""

from types import TracebackType
from typing import Self

from interlink.protocol.errors import NotNow

MOST_HELD = 256 << 20


class LogMemory:
    """What there is, and how much of it is taken."""

    def __init__(self) -> None:
        self.held = 0

    def share(self) -> "Share":
        """One reader's share. Raises NotNow (503) while others hold all there is."""
        if self.held >= MOST_HELD:
            raise NotNow(
                f"{MOST_HELD >> 20} MiB of logs are held for slow readers already; try again later", http_status=503
            )
        return Share(self)


class Share:
    """One reader's; given back at the end of the context."""

    def __init__(self, memory: LogMemory) -> None:
        self._memory, self._size = memory, 0

    def hold(self, size: int) -> bool:
        """So many bytes are held now; whether there is room for them."""
        self._memory.held += size - self._size
        self._size = size
        return self._memory.held <= MOST_HELD

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold(0)
