"""An image as the rules see it: a configuration, and files with modes."""

import posixpath
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

_MOST_LINKS = 40  # as the kernel's


@dataclass(frozen=True)
class File:
    """``mode`` as in stat(2), kind included; ``target`` of a symbolic link, else empty."""

    mode: int
    target: str = ""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True)
class Configuration:
    """What of the OCI image configuration counts here."""

    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    labels: Mapping[str, str]


class Files(Protocol):
    """The files of an image; paths are absolute and normalised."""

    def at(self, path: str) -> File | None:
        """What is there, symbolic links not followed."""

    def inside(self, path: str) -> Iterable[str]:
        """Names in a folder; none if there is no such folder."""


@dataclass(frozen=True)
class Image:
    """``configuration`` is None where only files are known."""

    files: Files
    configuration: Configuration | None


def real_path(files: Files, path: str) -> str | None:
    """The path without symbolic links in it, None if it leads nowhere. Links never lead out of the image."""
    todo = [part for part in path.split("/") if part]
    done = "/"
    links = 0
    while todo:
        part = todo.pop(0)
        here = posixpath.normpath(posixpath.join(done, part))
        found = files.at(here)
        if found is None:
            return None
        if found.target:
            links += 1
            if links > _MOST_LINKS:
                return None
            done = "/" if found.target.startswith("/") else done
            todo = [piece for piece in found.target.split("/") if piece] + todo
        else:
            done = here
    return done


def folders_above(path: str) -> list[str]:
    """From / down to the folder that holds ``path``."""
    parts = path.strip("/").split("/")
    return ["/", *("/" + "/".join(parts[:count]) for count in range(1, len(parts)))]
