"""`GET /watch?node=NAME&since=REVISION`: statuses as they change (feature `watch`).

The body is NDJSON and never ends by itself. Each line is a Change: a pod's newest status, or a revision, which says that everything
up to it was told; who is cut off goes on from the last revision he saw. With no revision, or one that the plugin doesn't know any
more, all pods' statuses come first. A line comes at least every BEAT_SECONDS, so that either side finds out that the other is gone.
"""

from collections.abc import AsyncIterator

import msgspec

from interlink.protocol.decode import MalformedError, decode
from interlink.protocol.errors import LostTrack
from interlink.protocol.types import PodStatus

BEAT_SECONDS = 15.0
SILENCE_SECONDS = 45.0
"""A watch that says nothing for so long is broken."""
LONGEST_LINE = 4 * 1024 * 1024


class Change(msgspec.Struct, omit_defaults=True):
    """One line of a watch."""

    revision: str = ""
    status: PodStatus | None = None


async def changes(chunks: AsyncIterator[bytes]) -> AsyncIterator[Change]:
    """The lines of a watch's body. Raises LostTrack for what is none."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise LostTrack(f"/watch: a line is longer than {LONGEST_LINE} bytes")
        for line in lines:
            try:
                yield decode(line, Change)
            except MalformedError as error:
                raise LostTrack(f"/watch: {error}") from error
