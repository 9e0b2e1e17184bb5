"""One pod as the service holds it in memory."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from interlink.protocol.types import PodStatus

from condor_sidecar.core.state import Stage
from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.pod_record import PodRecord
from condor_sidecar.model.pod_view import PodView
from condor_sidecar.model.result import JobResult, SiteEvent


@dataclass(slots=True, eq=False)
class Pod:
    """One pod. `since` is when its stage began (monotonic clock); `unseen` until a query has shown its job; `sandbox` is
    held while its output is being brought and read: only taken when free, so that nobody waits for it. `events` are by number,
    `connected` while its job has a job channel, `seen_connected` when it last had (monotonic clock); a job that ended its pod by
    that may take until `leaves_by` (monotonic clock) to end itself, and the end of a deleted pod is told until `shown_until`;
    `refused` says of ephemeral containers, by name, why they may not be started; `added` is when this process learnt of the pod,
    which is `restored` if it was there before; `address` is the worker node's, `measured` when its ad last told another usage (the
    schedd's clock)."""

    record: PodRecord
    stage: Stage
    since: float
    view: PodView | None = None
    jobs: dict[str, JobAd] = field(default_factory=dict)
    ad: JobAd | None = None
    live: JobResult | None = None
    events: Mapping[int, SiteEvent] = field(default_factory=dict)
    address: str = ""
    measured: float = 0.0
    unseen: bool = False
    payload_size: int | None = None
    note: str = ""
    alone: bool = False
    refusals: int = 0
    not_before: float = 0.0
    releases: int = 0
    fetch_failing_since: float | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    deleting: bool = False
    restored: bool = False
    connected: bool = False
    seen_connected: float = float("-inf")
    leaves_by: float = 0.0
    shown_until: float = 0.0
    order: int = 0
    added: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    sandbox: asyncio.Lock = field(default_factory=asyncio.Lock)
    updating: asyncio.Lock = field(default_factory=asyncio.Lock)
    shown: PodStatus | None = None
    """The wire's message, as long as nothing changed."""

    @property
    def uid(self) -> str:
        """The key, everywhere."""
        return self.record.uid

    @property
    def container_names(self) -> frozenset[str]:
        """Of all its containers: whose logs may come back."""
        return frozenset(container.name for container in (*self.record.containers, *self.record.ephemeral))

    def enter(self, stage: Stage) -> None:
        """Go to another stage."""
        self.stage = stage
        self.since = time.monotonic()

    def touch(self) -> None:
        """Something changed: wake those who follow this pod."""
        self.shown = None
        self.changed.set()
        self.changed = asyncio.Event()
