"""How a job as a whole ended, for containers whose own end nobody recorded.

Exit code 0 means success to Kubernetes, so it is never given without evidence of an exit with 0.
"""

from condor_sidecar.model.job_ad import JobAd
from condor_sidecar.model.pod_view import Terminated

JobEnd = Terminated
"""The state that every container gets whose own end isn't known."""

KILLED = 137  # 128 + SIGKILL, what a kubelet reports for a container that was killed or whose end it doesn't know
ENDED = 143  # 128 + SIGTERM

_OUT_OF_MEMORY_HOLD = (34, 102)
_RUNTIME_HOLDS = (46, 47)  # allowed job duration, allowed execute duration


def completed_end(ad: JobAd, why_no_output: str) -> JobEnd:
    """A job that completed and whose output can't be had: its own exit code, and never a silent success."""
    finished = _time(ad.completed or ad.entered_status)
    message = f"HTCondor job {ad.job_id} ended, but its output could not be fetched: {why_no_output}"
    if ad.exit_by_signal and ad.exit_signal:
        return Terminated(128 + ad.exit_signal, "Error", message, _time(ad.started), finished, ad.exit_signal)
    if ad.exit_code is None:
        return Terminated(KILLED, "ContainerStatusUnknown", message, _time(ad.started), finished)
    return Terminated(ad.exit_code, "Completed" if ad.exit_code == 0 else "Error", message, _time(ad.started), finished)


def missing_end(ad: JobAd | None, now: float, problem: str = "") -> JobEnd:
    """For a container that the supervisor's last record leaves open, or doesn't have; `problem` is what is known of why."""
    if ad is None:
        return Terminated(KILLED, "ContainerStatusUnknown", "the job left no record of this container", None, now)
    message = f"HTCondor job {ad.job_id} left no record of this container's end"
    finished = _time(ad.completed or ad.entered_status) or now
    if ad.exit_by_signal and ad.exit_signal:
        text = f"{message}; the job was killed by signal {ad.exit_signal}{problem}"
        return Terminated(128 + ad.exit_signal, "Error", text, _time(ad.started), finished, ad.exit_signal)
    code = ad.exit_code if ad.exit_code else KILLED
    return Terminated(code, "ContainerStatusUnknown", message + problem, _time(ad.started), finished)


def removed_end(ad: JobAd, wall_seconds: int, now: float) -> JobEnd:
    """A job that was removed from the queue by somebody: by its removal's words, over its wall time or not."""
    reason = ad.remove_reason or "no reason given"
    finished = _time(ad.entered_status) or now
    if over_wall_time(ad, wall_seconds):
        message = f"HTCondor job {ad.job_id} ran over its wall time of {wall_seconds} s and was removed: {reason}"
        return Terminated(KILLED, "DeadlineExceeded", message, _time(ad.started), finished)
    message = f"HTCondor job {ad.job_id} was removed: {reason}"
    return Terminated(ENDED, "JobRemoved", message, _time(ad.started), finished)


def held_end(ad: JobAd) -> JobEnd:
    """A job whose hold can't or won't be released, in the hold's own words."""
    code, reason = KILLED, "JobHeld"
    if (ad.hold_code, ad.hold_subcode) == _OUT_OF_MEMORY_HOLD or (
        ad.hold_code == _OUT_OF_MEMORY_HOLD[0] and "memory" in (ad.hold_reason or "").lower()
    ):
        reason = "OOMKilled"
    elif ad.hold_code in _RUNTIME_HOLDS:
        reason = "DeadlineExceeded"
    elif ad.hold_code in (32, 33):
        code, reason = 1, "OutputTooLarge"
    elif ad.hold_code in (35, 45):
        code, reason = 1, "ErrImagePull" if ad.hold_code == 35 else "ImageUnusable"
    message = f"HTCondor held job {ad.job_id} (code {ad.hold_code}): {ad.hold_reason or 'no reason given'}"
    return Terminated(code, reason, message, _time(ad.started), _time(ad.entered_status))


def evicted_end(ad: JobAd, wall_seconds: int) -> JobEnd:
    """A job that had started and waits for a second start, which would be a second run of the pod."""
    finished = _time(ad.entered_status)
    if over_wall_time(ad, wall_seconds):
        message = f"HTCondor job {ad.job_id} ran over its wall time of {wall_seconds} s"
        return Terminated(KILLED, "DeadlineExceeded", message, _time(ad.first_started), finished)
    message = f"HTCondor job {ad.job_id} lost its worker node after it had started; a pod is never run twice"
    return Terminated(KILLED, "Evicted", message, _time(ad.first_started), finished)


def lost_end(now: float, job: str) -> JobEnd:
    """A job that the schedd knew once and neither its queue nor its history knows now."""
    message = f"HTCondor job {job} is neither in the schedd's queue nor in its history"
    return Terminated(KILLED, "JobLost", message, None, now)


def over_wall_time(ad: JobAd, wall_seconds: int) -> bool:
    """Whether the job's last run lasted as long as it was allowed to (two minutes less, for clocks and polling)."""
    began = ad.started or ad.first_started
    if began is None or ad.entered_status is None or wall_seconds <= 0:
        return False
    return ad.entered_status - began >= max(wall_seconds - 120, wall_seconds * 0.9)


def _time(value: int | None) -> float | None:
    return float(value) if value else None
