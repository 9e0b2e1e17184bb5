"""The job's scratch directory: where the payload is unpacked, where everything is kept, and what is wiped at the end.

HTCondor brings back what lies at the top of the scratch directory, and directories stay behind: only `out.tar` is written at the
top, all else in `pod/`.
"""

import os
import tarfile
import tempfile
from typing import Dict, List

from .plan import EMPTY, FILES, PLAN_FILE, REGISTRY, VOLUMES, Pod, UnreadablePlan, Volume, decode
from .volume_files import BadVolumeFile, VolumeFile, remove_tree, write_files

PAYLOAD = "payload.tar"
RESULT = "out.tar"
START = "start"  # folder of a container that it starts from
SHARED_MEMORY = "/dev/shm"


class Sandbox:
    """The folders of one pod."""

    def __init__(self, scratch: str) -> None:
        self.scratch = scratch
        self.root = os.path.join(scratch, "pod")
        self.volumes = os.path.join(self.root, "volumes")
        self.containers = os.path.join(self.root, "containers")
        self.logs = os.path.join(self.root, "logs")
        self.runtime = os.path.join(self.root, "runtime")
        self.images = os.path.join(self.root, "images")
        self._elsewhere: List[str] = []

    def unpack(self) -> Pod:
        """Make the folders, unpack the payload, delete it, and return the plan. Raises UnreadablePlan."""
        for path in (self.root, self.volumes, self.containers, self.logs, self.runtime, self.images):
            os.makedirs(path, mode=0o700, exist_ok=True)
        payload = os.path.join(self.scratch, PAYLOAD)
        try:
            with tarfile.open(payload) as archive:
                members = archive.getmembers()
                plan = next((member for member in members if member.name == PLAN_FILE), None)
                content = archive.extractfile(plan) if plan is not None else None
                if content is None:
                    raise UnreadablePlan("the payload has no " + PLAN_FILE)
                pod = decode(content.read())
                self._write_logins(archive, members)
                for volume in pod.volumes:
                    if volume.kind == FILES:
                        self._write_files(volume, archive, members)
        except (OSError, tarfile.TarError) as error:
            raise UnreadablePlan("the payload can't be read: %s" % error) from error
        os.unlink(payload)
        for volume in pod.volumes:
            if volume.kind == EMPTY:
                self.make_empty(volume)
        return pod

    def volume(self, name: str) -> str:
        """The folder of a volume that belongs to the pod."""
        return os.path.join(self.volumes, name)

    def _write_logins(self, archive: tarfile.TarFile, members: List[tarfile.TarInfo]) -> None:
        """Write the credentials for pulls where only the pulls look for them; no container sees that folder."""
        folder = os.path.join(self.images, REGISTRY)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for member in members:
            place, _, name = member.name.partition("/")
            content = archive.extractfile(member) if place == REGISTRY and "/" not in name else None
            if content is not None:
                self.write_login(name, content.read())

    def write_login(self, name: str, content: bytes) -> None:
        """Write a file of credentials for pulls."""
        descriptor = os.open(os.path.join(self.images, REGISTRY, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)

    def _write_files(self, volume: Volume, archive: tarfile.TarFile, members: List[tarfile.TarInfo]) -> None:
        """Write a volume's files out of the payload. Raises UnreadablePlan."""
        prefix = "%s/%s/" % (VOLUMES, volume.name)
        files: Dict[str, VolumeFile] = {}
        for member in members:
            if not member.name.startswith(prefix):
                continue
            content = archive.extractfile(member)
            if content is None:
                raise UnreadablePlan("%r is no file of a volume" % member.name)
            files[member.name[len(prefix) :]] = (member.mode, content.read())
        try:
            write_files(self.volume(volume.name), files)
        except BadVolumeFile as error:
            raise UnreadablePlan(str(error)) from error

    def make_empty(self, volume: Volume) -> None:
        """Make an emptyDir, if it isn't there."""
        folder = self.volume(volume.name)
        if os.path.lexists(folder):
            return
        if volume.memory:
            self._elsewhere.append(tempfile.mkdtemp(prefix="pod-", dir=SHARED_MEMORY))
            os.symlink(self._elsewhere[-1], folder)
        else:
            os.mkdir(folder)
        os.chmod(folder, 0o777)

    def make_room(self) -> None:
        """The containers have ended: delete what they wrote, but not their logs."""
        for path in (self.containers, self.volumes, self.images):
            remove_tree(path)

    def wipe(self) -> None:
        """Delete what may hold a secret, and what lies outside of the job's directory. HTCondor deletes the rest with that."""
        starts = [os.path.join(self.containers, name, START) for name in _listed(self.containers)]
        logins = os.path.join(self.images, REGISTRY)
        for path in [self.volumes, logins, *starts, self.logs, self.runtime, *self._elsewhere]:
            remove_tree(path)


def _listed(path: str) -> List[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def used_bytes(path: str) -> int:
    """The disk space of everything in `path`."""
    total = 0
    for folder, _, names in os.walk(os.path.realpath(path)):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                continue
    return total
