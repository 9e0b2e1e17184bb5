"""What this service needs of the job channels: news for running pods, and what their containers use.

The channels themselves are another part's; whoever has none (they can be off) gives `NoChannels`.
"""

from collections.abc import Mapping
from typing import Protocol

from interlink.protocol.types import PodUsage

from condor_sidecar.core.compile.update import Update


class NoChannel(Exception):
    """The pod's job has no channel and never will: it can't be reached while it runs."""


class ChannelAway(Exception):
    """The pod's job has a channel, but it is not connected, or did not take the message; the text says why."""


class TooLarge(Exception):
    """No job takes an update of this size."""


class JobFailed(Exception):
    """The job took the message and could not do what it asks for; the text is the job's."""


class JobChannels(Protocol):
    """The channels of all jobs, by the pod's UID."""

    async def update(self, uid: str, update: Update) -> None:
        """Replace the content of volumes and the time after its start at which the pod ends (None: as it is), and start ephemeral
        containers that it doesn't have.

        Returns when the job has done it, or has begun to start them. Raises NoChannel, ChannelAway, TooLarge,
        JobFailed.
        """

    def usage(self) -> Mapping[str, PodUsage]:
        """The latest word of each job on what its containers use."""


class NoChannels:
    """Job channels are off."""

    async def update(self, uid: str, update: Update) -> None:
        """Raises NoChannel."""
        raise NoChannel(f"job channels are off at this site, so nothing reaches the running pod {uid}")

    def usage(self) -> Mapping[str, PodUsage]:
        return {}
