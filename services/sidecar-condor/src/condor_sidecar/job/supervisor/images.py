"""Finds a container's image on the worker node, or pulls it."""

import json
import os
import threading
import time
from typing import Callable, Dict, List, NamedTuple, Tuple

from .image_config import CONFIG, ImageConfig, UnreadableConfig, read
from .plan import Image
from .volume_files import remove_tree
from .words import NORMAL

PRESENT = 'Container image "%s" already present on machine'
AUTOFS_WAIT = 5.0  # a file system that is mounted on first use may need a moment

Run = Callable[[List[str]], Tuple[int, bytes]]
Tell = Callable[[str, str, str], None]
"""Takes an event: kind, reason, message."""


class Unpacked(NamedTuple):
    """An image as a directory, what names its content, and how it wants to be run."""

    root: str
    image_id: str
    config: ImageConfig


class NoImage(Exception):
    """The image can't be had: `reason` as a kubelet names it, the text for the user."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Images:
    """The images of one pod: each is looked for once, also when several containers start at the same time."""

    def __init__(self, program: str, folder: str, run: Run) -> None:
        self._program, self._folder, self._run = program, folder, run
        self._lock = threading.Lock()
        self._asked: Dict[str, Tuple[threading.Lock, str]] = {}
        self._found: Dict[str, Unpacked] = {}

    def get(self, image: Image, tell: Tell) -> Unpacked:
        """The image, unpacked on this machine. Raises NoImage."""
        with self._lock:
            if image.name not in self._asked:
                self._asked[image.name] = threading.Lock(), os.path.join(self._folder, str(len(self._asked)))
            lock, target = self._asked[image.name]
        with lock:
            if image.name in self._found:
                tell(NORMAL, "Pulled", PRESENT % image.name)
            else:
                self._found[image.name] = self._find(image, target, tell)
            return self._found[image.name]

    def _find(self, image: Image, target: str, tell: Tell) -> Unpacked:
        try:
            for candidate in image.candidates:
                if _exists(candidate):
                    tell(NORMAL, "Pulled", PRESENT % image.name)
                    return Unpacked(candidate, os.path.realpath(candidate), read(candidate))
            if image.never_pull:
                words = 'Container image "%s" is not present with pull policy of Never'
                raise NoImage("ErrImageNeverPull", words % image.name)
            if not image.pull:
                looked = ", ".join(image.candidates) or "nowhere"
                raise NoImage(
                    "ErrImagePull", 'image "%s" is not unpacked on this machine (looked at: %s)' % (image.name, looked)
                )
            tell(NORMAL, "Pulling", 'Pulling image "%s"' % image.name)
            began = time.monotonic()
            self._pull(image, target)
            took = time.monotonic() - began
            tell(NORMAL, "Pulled", 'Successfully pulled image "%s" in %.1fs' % (image.name, took))
            return Unpacked(target, image.pull, read(target))
        except UnreadableConfig as error:
            raise NoImage("InvalidImageConfig", 'image "%s": %s' % (image.name, error)) from error

    def _pull(self, image: Image, target: str) -> None:
        packed = target + ".sif"
        self._pull_packed(image, packed)
        config = self._packed_config(packed)
        remove_tree(target)  # of a try that failed
        code, output = self._run([self._program, "--silent", "build", "--sandbox", target, packed])
        if code != 0:
            raise NoImage(
                "ErrImagePull",
                'image "%s" can\'t be unpacked: %s' % (image.name, output.decode("utf-8", "replace")[-2000:]),
            )
        os.unlink(packed)
        if config:
            os.makedirs(os.path.dirname(os.path.join(target, CONFIG)), exist_ok=True)
            with open(os.path.join(target, CONFIG), "wb") as file:
                file.write(config)

    def _pull_packed(self, image: Image, packed: str) -> None:
        """Pull the image file, by each of the logins until one serves, as a kubelet does; without one if there is none."""
        refusals: List[str] = []
        for login in [["--authfile", os.path.join(self._folder, auth)] for auth in image.auths] or [[]]:
            code, output = self._run(
                [self._program, "--silent", "pull", "--force", "--disable-cache", *login, packed, image.pull]
            )
            if code == 0:
                return
            words = output.decode("utf-8", "replace").strip()[-2000:]
            if words not in refusals:
                refusals.append(words)
        raise NoImage("ErrImagePull", 'image "%s" can\'t be pulled: %s' % (image.name, "; ".join(refusals)))

    def _packed_config(self, packed: str) -> bytes:
        """The OCI configuration that a pulled image file carries beside its file system; empty if it has none."""
        _, listing = self._run([self._program, "--silent", "sif", "list", packed])
        for line in listing.decode("utf-8", "replace").splitlines():
            number, _, rest = line.partition("|")
            if "JSON.Generic" not in rest:
                continue
            _, content = self._run([self._program, "--silent", "sif", "dump", number.strip(), packed])
            try:
                known = json.loads(content.decode("utf-8"))
            except ValueError:
                continue
            if {"Entrypoint", "Cmd", "Env", "WorkingDir", "User"}.intersection(known):
                return content
        return b""


def _exists(candidate: str) -> bool:
    """Whether the directory is there; below a file system that isn't mounted yet, it is waited for."""
    end = time.monotonic() + AUTOFS_WAIT
    while not os.path.isdir(candidate):
        if os.path.isdir("/" + "/".join(candidate.strip("/").split("/")[:2])) or time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True
