"""What the service asks of its worker processes and what they answer: the messages on the pipe between them."""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from condor_sidecar.model.job_ad import JobAd


class ConnectionSettings(msgspec.Struct, frozen=True):
    """Where the schedd is and how to log in: `params` are HTCondor configuration values, set before the first call."""

    collector: str
    schedd: str | None
    params: dict[str, str]


class SubmitItem(msgspec.Struct, frozen=True):
    """One job: its folder (absolute, private), its item variables, and `payload.tar`."""

    folder: str
    values: dict[str, str]
    payload: bytes


class Submit(msgspec.Struct, frozen=True, tag=True):
    """Submit all items as one cluster and spool their input. The job's folders are made, payloads written and unlinked."""

    description: dict[str, str]
    items: list[SubmitItem]


class Poll(msgspec.Struct, frozen=True, tag=True):
    """Ask for all jobs that `constraint` matches; the answer has what changed since the answer number `since` (0: all)."""

    constraint: str
    since: int


class History(msgspec.Struct, frozen=True, tag=True):
    """Ask for at most `limit` jobs that left the queue."""

    constraint: str
    limit: int


class Action(StrEnum):
    """What can be done to jobs."""

    REMOVE = "remove"
    RELEASE = "release"


class Act(msgspec.Struct, frozen=True, tag=True):
    """Do `action` to every job that `constraint` matches."""

    action: Action
    constraint: str
    reason: str


class Edit(msgspec.Struct, frozen=True, tag=True):
    """Set an attribute of every job that `constraint` matches; `value` is a ClassAd expression."""

    constraint: str
    attribute: str
    value: str


class Retrieve(msgspec.Struct, frozen=True, tag=True):
    """Bring the output of the jobs that `constraint` matches to their folders, which are made where missing."""

    constraint: str
    folders: list[str]


Request: TypeAlias = Submit | Poll | History | Act | Edit | Retrieve


class Submitted(msgspec.Struct, frozen=True, tag=True):
    """The jobs are in the queue with their input: procs `first_proc` onwards, in the order of the items."""

    cluster: int
    first_proc: int


class Changes(msgspec.Struct, frozen=True, tag=True):
    """Answer number `number` to a poll: `ads` are new or changed jobs, `gone` the ids that aren't there any more.

    `complete` means that `ads` is all there is. `server_time` is the schedd's clock, None where no ad told it.
    """

    number: int
    complete: bool
    ads: list[JobAd]
    gone: list[str]
    server_time: int | None


class Ads(msgspec.Struct, frozen=True, tag=True):
    """Jobs of the history, newest first."""

    ads: list[JobAd]


class Done(msgspec.Struct, frozen=True, tag=True):
    """How many jobs were acted on or edited, and how many refused it."""

    count: int = 0
    denied: int = 0


class FailureKind(StrEnum):
    """What a failed call says about the schedd."""

    UNREACHABLE = "unreachable"
    """No connection, or no schedd advertised: nothing happened."""
    REFUSED_LOGIN = "refused-login"
    """The login failed: nothing happened."""
    DENIED = "denied"
    """Logged in, but this identity may not do that: nothing happened."""
    REFUSED = "refused"
    """The schedd (or the binding) didn't take this request: nothing happened."""
    BUSY = "busy"
    """Earlier calls took too long, so that this one was never asked: nothing happened."""
    UNKNOWN = "unknown"
    """It broke in the middle: nobody knows what happened."""


class Failure(msgspec.Struct, frozen=True, tag=True):
    """The call failed; `text` has HTCondor's own words."""

    kind: FailureKind
    text: str


Reply: TypeAlias = Submitted | Changes | Ads | Done | Failure
