"""What to do next for one pod. Asked again after every step and every change, so that nothing depends on having seen an event."""

from enum import Enum

from virtual_kubelet.model.known_pod import Absence, KnownPod, Stage


class Step(Enum):
    """One thing to do."""

    DELETE_JOB = "delete the job on the other side"
    SEE_OFF = "wait for the end of the job that was deleted"
    REMOVE_OBJECT = "remove the pod from the API server"
    FORGET = "forget the pod"
    ASK = "find out whether the other side has the pod"
    CREATE = "hand the pod over"
    FAIL = "show that the pod was refused"
    SHOW = "show what is known of the job"
    NOTHING = "wait for a change"


def next_step(pod: KnownPod) -> Step:
    """Deleting comes first: a job must not outlive its pod, and the pod's object must not go before its job."""
    if pod.gone or pod.deleting:
        if (held_remotely(pod) or pod.offered) and not _is_told(pod):
            return Step.DELETE_JOB
        if pod.gone:
            return Step.FORGET
        if pod.departing is not None and not pod.terminal:
            return Step.SEE_OFF
        return Step.NOTHING if pod.removed else Step.REMOVE_OBJECT
    if pod.terminal:
        return Step.NOTHING
    return {
        Stage.UNSURE: Step.ASK,
        Stage.FRESH: Step.CREATE,
        Stage.REFUSED: Step.FAIL,
        Stage.SUBMITTED: Step.SHOW,
    }[pod.stage]


def held_remotely(pod: KnownPod) -> bool:
    """Whether the other side has the pod, or may have it."""
    return pod.stage in (Stage.UNSURE, Stage.SUBMITTED)


def grace(pod: KnownPod) -> int:
    """Seconds that a deleted pod has; none if it was taken away while it was seen off: that is what a forced delete does."""
    return 0 if pod.gone and pod.departing is not None else pod.grace


def _is_told(pod: KnownPod) -> bool:
    """Did the site take the delete, with no longer grace period than the pod has now? It matters only until the job has ended."""
    if pod.delete_taken is None:
        return False
    return pod.departing is None or pod.terminal or grace(pod) >= pod.delete_taken


LOST_CREATES_LIMIT = 5
"""Creates without an answer after which a plugin that may submit twice is asked no more."""
UNKNOWN_DELETES_LIMIT = 10
"""Failed deletes after which a pod that was never known to have a job is let go."""
UNTAKEN_DELETES_LIMIT = 4
"""Failed deletes after which a pod that the other side seems never to have taken is let go."""
_ABSENCES = 2
_ABSENCE_SECONDS = 11.0  # a SLURM plugin answers from a cache of 10 s


def may_create_again(absence: Absence, now: float, idempotent: bool) -> bool:
    """Was the pod absent from the other side's answers for long enough to hand it over (again)?

    `idempotent`: the other side announced `retry-create`, so a second create can't make a second job.
    """
    if idempotent:
        return absence.count >= 1
    return absence.count >= _ABSENCES and now - absence.first >= _ABSENCE_SECONDS


def let_go(pod: KnownPod, idempotent: bool) -> bool:
    """Give up deleting the job of a pod that never had an id, if the other side only ever answers with errors.

    Never with a side that announced `retry-create`: it knows what it took, and a delete is kept until it is done. For a pod that
    it never took, as far as anybody said, a few tries are enough: whatever put off the create may put off the delete as well for a
    moment, but a pod that waits for a site that is away can be deleted.
    """
    if not held_remotely(pod):
        return pod.delete_failures >= UNTAKEN_DELETES_LIMIT
    return not idempotent and pod.job_id is None and pod.delete_failures >= UNKNOWN_DELETES_LIMIT
