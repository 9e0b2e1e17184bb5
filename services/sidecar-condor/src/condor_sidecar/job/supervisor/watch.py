"""Looks after the limits that nothing else enforces in a job: memory of single containers, sizes of volumes and of what they write.

As under a kubelet, a limit may be exceeded for a while before that is seen. How often is looked follows from how long a look takes.
"""

import threading
import time
from typing import Callable, List, Optional

from .complaints import trace
from .containers import Containers, Running
from .mailbox import Mailbox, MemoryFull, StorageFull
from .memory import is_over
from .plan import EMPTY, INIT, MAIN, SIDECAR, Pod, Volume
from .sandbox import Sandbox, used_bytes
from .words import quantity

MEMORY_PAUSE, STORAGE_PAUSE = 1.0, 2.0  # seconds between two looks
SHARE = 20  # a look takes at most one part in so many of the time


class Watch:
    """The limits of one pod, each kind in a thread of its own if the pod has any."""

    def __init__(
        self, pod: Pod, sandbox: Sandbox, containers: Containers, mailbox: Mailbox, over: threading.Event
    ) -> None:
        self._pod, self._sandbox, self._containers = pod, sandbox, containers
        self._mailbox, self._over = mailbox, over
        self._looks_at_storage = False
        self._whole = pod_storage_limit(pod)

    def start(self) -> None:
        """Begin to look."""
        if any(each.memory_limit is not None for each in self._pod.containers):
            self._repeat(MEMORY_PAUSE, self._look_at_memory)
        self.follow(self._pod)

    def follow(self, pod: Pod) -> None:
        """The pod may have more volumes than before."""
        self._pod = pod
        limited = bool(self._limited()) or any(each.storage_limit is not None for each in pod.containers)
        if limited and not self._looks_at_storage:
            self._looks_at_storage = True
            self._repeat(STORAGE_PAUSE, self._look_at_storage)

    def _limited(self) -> List[Volume]:
        return [volume for volume in self._pod.volumes if volume.size_limit is not None]

    def _repeat(self, least: float, look: Callable[[], None]) -> None:
        def loop() -> None:
            pause, complained = least, False
            while not self._over.wait(pause):
                began = time.monotonic()
                try:
                    look()
                except Exception:  # what can't be seen now may be seen the next time
                    if not complained:
                        trace()
                    complained = True
                pause = max(least, SHARE * (time.monotonic() - began))

        threading.Thread(target=loop, daemon=True).start()

    def _look_at_memory(self) -> None:
        limited = [running for running in self._containers.all() if running.container.memory_limit is not None]
        if not limited:
            return
        members = self._containers.members()
        for running in limited:
            name = running.container.name
            if is_over(members.get(name, [])[1:], running.container.memory_limit or 0):
                self._mailbox.put(MemoryFull(running.container.name, running.run))

    def _look_at_storage(self) -> None:
        words = self._too_much()
        if words is not None:
            self._mailbox.put(StorageFull(words))

    def _too_much(self) -> Optional[str]:
        """What is too large, in a kubelet's words."""
        for volume in self._limited():
            limit = volume.size_limit or 0
            if used_bytes(self._sandbox.volume(volume.name)) > limit:
                return 'Usage of EmptyDir volume "%s" exceeds the limit "%s".' % (volume.name, quantity(limit))
        sizes = [(running.container, self._written(running)) for running in self._containers.all()]
        for container, size in sizes:
            if container.storage_limit is not None and size > container.storage_limit:
                words = 'Container %s exceeded its local ephemeral storage limit "%s".'
                return words % (container.name, quantity(container.storage_limit))
        if self._whole is not None and sum(size for _, size in sizes) + self._in_volumes() > self._whole:
            words = "Pod ephemeral local storage usage exceeds the total limit of containers %s."
            return words % quantity(self._whole)
        return None

    def _written(self, running: Running) -> int:
        """Bytes that a container has written to its root, and that its logs take."""
        name, launch = running.container.name, running.launch
        kept = (self._containers.logs.get(name), self._containers.previous.get(name))
        written = sum(used_bytes(path) for path in (launch.overlay, launch.folder) if path)
        return written + sum(log.size() for log in kept if log is not None)

    def _in_volumes(self) -> int:
        """Bytes in the pod's emptyDirs on the disk."""
        names = [volume.name for volume in self._pod.volumes if volume.kind == EMPTY and not volume.memory]
        return sum(used_bytes(self._sandbox.volume(name)) for name in names)


def pod_storage_limit(pod: Pod) -> Optional[int]:
    """What the pod may write as a whole, None if no container has a limit. What runs at the same time counts together, as in
    Kubernetes' PodLimits."""
    limited = [(each.kind, each.storage_limit) for each in pod.containers if each.storage_limit is not None]
    beside, most = 0, 0
    for kind, limit in limited:
        if kind == SIDECAR:
            beside += limit
        elif kind == INIT:
            most = max(most, beside + limit)
    mains = sum(limit for kind, limit in limited if kind == MAIN)
    return max(most, beside + mains) if limited else None
