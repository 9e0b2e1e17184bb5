"""What keeps a pod's ephemeral containers from being handed over, told once: in their status, and in an event if it needs somebody.

When to hand them over is the refresher's business, since they travel with everything else that is new for a running pod.
"""

from collections.abc import Callable, Mapping

from interlink.protocol.errors import InterlinkError, Rejected

from virtual_kubelet.core.container_status import CREATING
from virtual_kubelet.core.ephemeral import CONFIG_ERROR, unheard, untold
from virtual_kubelet.core.object_store import MissingObjectError
from virtual_kubelet.io.events import EventRecorder
from virtual_kubelet.model.known_pod import KnownPod, Obstacle

UNABLE = "ProviderUnable"
NO_UPDATES = (
    "this site can't start containers in pods that run: it doesn't announce `update`, which needs the sidecar of this platform "
    "with a job channel"
)


class EphemeralContainers:
    """Keeps `known.obstacles`; `show` has a pod's status written anew."""

    def __init__(self, events: EventRecorder, show: Callable[[str], None]) -> None:
        self._events, self._show = events, show

    def impossible(self, known: KnownPod, why: str) -> None:
        """The site said that nothing ever reaches this pod's job."""
        for name in unheard(known):
            self._note(known, name, Obstacle(UNABLE, f"not started: {why}", final=True), event=UNABLE)

    def unsupported(self, known: KnownPod) -> None:
        """The site takes no updates, as far as it announces."""
        for name in untold(known):
            self._note(known, name, Obstacle(UNABLE, f"not started: {NO_UPDATES}"), event=UNABLE)

    def missing(self, known: KnownPod, errors: Mapping[str, MissingObjectError]) -> None:
        """Something that they need isn't there; they are tried again."""
        for name in unheard(known):
            if name in errors:
                error = errors[name]
                words = f"Error: {error}" if error.event == "Failed" else str(error)
                self._note(known, name, Obstacle(error.reason, str(error)), event=error.event, words=words)

    def postponed(self, known: KnownPod, error: InterlinkError) -> None:
        """The site didn't take them this time."""
        reason = CONFIG_ERROR if isinstance(error, Rejected) else CREATING
        for name in unheard(known):
            self._note(known, name, Obstacle(reason, f"not started yet, trying again: {error.reason}"))

    def _note(self, known: KnownPod, name: str, obstacle: Obstacle, *, event: str = "", words: str = "") -> None:
        if known.obstacles.get(name) == obstacle:
            return
        known.obstacles[name] = obstacle
        if event:
            part = f"spec.ephemeralContainers{{{name}}}"
            self._events.pod(known, "Warning", event, words or obstacle.message, part=part)
        self._show(known.uid)
