"""What vk knows of one pod. Small, because there may be thousands: JSON is kept as text and read when it is needed."""

from array import array
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import msgspec

from virtual_kubelet.model import pod as pods
from virtual_kubelet.model.delivered import Delivered
from virtual_kubelet.model.made import Made
from virtual_kubelet.model.pod import JsonObject

DEFAULT_GRACE_SECONDS = 30


class Stage(Enum):
    """How far a pod's hand-over got, as far as this process can be sure."""

    UNSURE = "unsure"
    """The other side may hold it: vk was restarted, or a create ended without an answer. Ask before anything else."""
    FRESH = "fresh"
    """The other side can't hold it, if its answers are its own."""
    SUBMITTED = "submitted"
    """The other side took it."""
    REFUSED = "refused"
    """The other side said that it can never run there."""


@dataclass(slots=True)
class Absence:
    """Answers of the other side that did not mention an UNSURE pod."""

    count: int = 0
    first: float = 0.0


class Obstacle(NamedTuple):
    """Why an ephemeral container was not handed over: what its waiting status says."""

    reason: str
    message: str


@dataclass(slots=True)
class Departing:
    """The site took the pod's delete at `since` (monotonic clock) and was asked `looks` times whether it has ended."""

    since: float
    looks: int = 0


@dataclass(slots=True)
class KnownPod:
    """One pod by UID: the API server's object, and what happened to it on the other side."""

    uid: str
    namespace: str
    name: str
    text: bytes
    """The API server's object as JSON, without managedFields."""
    version: str
    """Its resourceVersion."""
    phase: str
    deleting: bool
    job_id: str | None
    """The job's id, from the annotation or from the answer to a create."""
    stage: Stage
    wish: bytes = b""
    """What the watch showed last that others want of it, as a digest."""
    gone: bool = False
    """The API server has no such pod any more."""
    removed: bool = False
    """We deleted the API object; a finalizer may still hold it."""
    grace: int = DEFAULT_GRACE_SECONDS
    """Seconds that its deletion grants it, as the object says."""
    delete_taken: int | None = None
    """The site took its delete, or we gave it up, with this grace period."""
    delete_failures: int = 0
    departing: Departing | None = None
    """Its containers may still use their grace period."""
    report: bytes | None = None
    """The last state that the other side told, as JSON."""
    refusal: tuple[str, ...] = ()
    refusal_reason: str = "ProviderFailed"
    waiting: tuple[str, str] | None = None
    """Why the pod can't be handed over now: reason and message of its waiting containers."""
    creating: bool = False
    """A create is under way: what the other side says meanwhile proves nothing."""
    lost_creates: int = 0
    offered: bool = False
    """A create may have been sent, now or by an earlier vk. Whatever was answered: something on the way may have said it for the
    other side, so the pod is not removed before a delete was sent too."""
    absence: Absence | None = None
    inherited: bool = False
    """It was there before this process."""
    told_events: "array[int]" = field(default_factory=lambda: array("q"))
    """Numbers of the events in the last status that was shown."""

    made: Made | None = None
    """What its job was made of; of an inherited pod what it was when we first saw it."""
    told_unfollowed: tuple[str, ...] = ()
    """Which changes of that its owner was told can't be followed."""

    delivered: Delivered | None = None
    """What the site was given last of what may change while the pod runs; None: not known, or nothing may."""
    fixed: bool = False
    """The site said that it can't change anything of this pod while it runs."""
    ephemeral: tuple[str, ...] = ()
    """Names of its ephemeral containers."""
    obstacles: dict[str, Obstacle] = field(default_factory=dict)
    """Of those, by name, that were not handed over."""

    @property
    def terminal(self) -> bool:
        return self.phase in pods.TERMINAL_PHASES

    @property
    def reference(self) -> str:
        return f"{self.namespace}/{self.name}"

    def pod(self) -> JsonObject:
        """The API server's object; a fresh copy, free to be changed."""
        value: JsonObject = msgspec.json.decode(self.text)
        return value

    def take(self, pod: JsonObject) -> None:
        """Keep a newer object of the same pod."""
        pod["metadata"].pop("managedFields", None)
        self.text = msgspec.json.encode(pod)
        self.version = pod["metadata"].get("resourceVersion", "")
        self.phase = pods.phase(pod)
        self.deleting = "deletionTimestamp" in pod["metadata"]
        self.grace = pod["metadata"].get("deletionGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        self.ephemeral = tuple(container["name"] for container in pods.ephemeral(pod))
        self.job_id = self.job_id or pods.annotations(pod).get(pods.JOB_ID_ANNOTATION)


def known(pod: JsonObject, created_before_us: bool) -> KnownPod:
    """A pod seen for the first time. `created_before_us`: an earlier vk may have handed it over already.

    Only the job's id is written to the API server, after an answer; so without it a pod of an earlier vk counts as handed over.
    """
    job_id = pods.annotations(pod).get(pods.JOB_ID_ANNOTATION)
    before_handover = Stage.UNSURE if created_before_us else Stage.FRESH
    stage = Stage.SUBMITTED if job_id else before_handover
    entry = KnownPod(
        pods.uid(pod),
        pods.namespace(pod),
        pods.name(pod),
        text=b"",
        version="",
        phase="",
        deleting=False,
        job_id=job_id,
        stage=stage,
        offered=created_before_us,
        inherited=created_before_us,
    )
    entry.take(pod)
    return entry
