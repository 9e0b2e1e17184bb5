"""Which pods changed last: what a watch tells its reader, and from where it goes on after a cut.

A change is a pod's UID and a revision; only the latest of each pod is kept. So a reader that is slow or was away gets the newest
state of each pod once, not a history, and nothing piles up for it.
"""

import asyncio
import secrets
from itertools import takewhile


class Changes:
    """All pods' latest changes, oldest first. Revisions are texts for others: they hold only while this process lives."""

    def __init__(self) -> None:
        self._life = secrets.token_hex(4)
        self._latest: dict[str, int] = {}
        self._number = 0
        self._changed = asyncio.Event()

    @property
    def revision(self) -> str:
        """The revision of the latest change."""
        return f"{self._life}.{self._number}"

    def note(self, uid: str) -> None:
        """This pod has changed."""
        self._number += 1
        self._latest.pop(uid, None)
        self._latest[uid] = self._number
        self._changed.set()
        self._changed = asyncio.Event()

    def forget(self, uid: str) -> None:
        """This pod is not held any more."""
        self._latest.pop(uid, None)

    def since(self, revision: str) -> list[str]:
        """Pods that changed after `revision`, the latest last; all that ever changed, for a revision of another life."""
        life, _, number = revision.partition(".")
        after = int(number) if life == self._life and number.isdigit() else 0
        latest = takewhile(lambda change: change[1] > after, reversed(self._latest.items()))
        return [uid for uid, _ in latest][::-1]

    async def wait(self, revision: str, seconds: float) -> None:
        """Until there is a change after `revision`, at most so long."""
        changed = self._changed
        if revision != self.revision:
            return
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            pass
