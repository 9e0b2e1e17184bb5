"""Why a cluster ended that nobody ended: a sentence for its user."""

from dataclasses import dataclass

from offload_backend.core.fate import Fate, Stage


@dataclass(frozen=True)
class LastSeen:
    """What is known of a cluster at its end."""

    scheduler: Fate | None
    """Of the scheduler's pod; None if there is none."""
    reported: bool
    """The scheduler had reported to the gateway."""
    failures: int
    """Workers that failed to start, one after the other."""
    failure_limit: int
    last_failure: str
    """Why the last of them did."""
    start_limit: str
    """How long a scheduler may take to report, as text."""
    heartbeat_limit: str
    """How long one may be silent, as text."""


def sentence(seen: LastSeen) -> str:
    """The likeliest reason, from the most to the least certain."""
    scheduler = seen.scheduler
    if seen.failures >= seen.failure_limit:
        last = f" The last one: {seen.last_failure}" if seen.last_failure else ""
        return f"{seen.failures} workers, one after the other, failed to start.{last}"
    if scheduler is None:
        return "The scheduler's pod is gone: somebody, or its node, took it away. Make a new cluster."
    if scheduler.over:
        return scheduler_over(scheduler)
    if not seen.reported:
        why = scheduler.message or scheduler.reason
        return f"The scheduler didn't report within {seen.start_limit}." + (
            f" It is {scheduler.stage}: {why}" if why else ""
        )
    return (
        f"The scheduler was silent for {seen.heartbeat_limit}: its process hangs, or something keeps it from reaching "
        "the gateway. Make a new cluster."
    )


def scheduler_over(scheduler: Fate) -> str:
    """For a scheduler whose program ended."""
    if scheduler.stage is Stage.ENDED:
        return "The scheduler was shut down, as by client.shutdown()."
    if scheduler.reason == "OOMKilled":
        return (
            "The scheduler used more memory than it had: make fewer, larger tasks, keep data on workers, or ask the "
            "administrators for larger schedulers."
        )
    if scheduler.reason == "Deleted":
        return "The scheduler's pod was deleted: by somebody, or because its node was emptied. Make a new cluster."
    return f"The scheduler failed. {scheduler.message}"
