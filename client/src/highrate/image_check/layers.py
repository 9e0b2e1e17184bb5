"""The files of an image that is a stack of layers: later layers add, replace and remove."""

import lzma
import posixpath
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

from highrate.image_check.tree import File

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_KINDS = {tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK}
_ZSTD = b"\x28\xb5\x2f\xfd"


class UnreadableLayer(Exception):
    """A layer in a form that can't be read here; the message says what to do."""


class LayeredFiles:
    """Filled layer by layer, lowest first."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, File]] = {}
        self._root = File(stat.S_IFDIR | 0o755)

    def at(self, path: str) -> File | None:
        if path == "/":
            return self._root
        return self._names.get(posixpath.dirname(path), {}).get(posixpath.basename(path))

    def inside(self, path: str) -> Iterable[str]:
        return self._names.get(path, {})

    def add_layer(self, source: IO[bytes]) -> None:
        """Raises UnreadableLayer."""
        fresh: set[str] = set()  # a layer's own files are not hidden by its opaque marks
        for member in _members(source):
            path = posixpath.normpath("/" + member.name.lstrip("/"))
            folder, name = posixpath.split(path)
            if name == _OPAQUE:
                for entry in list(self._names.get(folder, {})):
                    if posixpath.join(folder, entry) not in fresh:
                        self._remove(folder, entry)
            elif name.startswith(_WHITEOUT):
                self._remove(folder, name.removeprefix(_WHITEOUT))
            else:
                file = File(
                    _KINDS.get(member.type, stat.S_IFREG) | member.mode, member.linkname if member.issym() else ""
                )
                self._put(folder, name, file)
                fresh.update((path, *_above(path)))

    def _put(self, folder: str, name: str, file: File) -> None:
        if not name:
            self._root = file
            return
        before = self._names.get(folder, {}).get(name)
        if before is not None and before.is_folder and not file.is_folder:
            self._remove(folder, name)
        self._names.setdefault(folder, {})[name] = file
        for above in (folder, *_above(folder)):  # a layer needn't say which folders its files are in
            place, last = posixpath.split(above)
            if last:
                self._names.setdefault(place, {}).setdefault(last, File(stat.S_IFDIR | 0o755))

    def _remove(self, folder: str, name: str) -> None:
        self._names.get(folder, {}).pop(name, None)
        gone = posixpath.join(folder, name)
        for place in [place for place in self._names if place == gone or place.startswith(gone + "/")]:
            del self._names[place]


def _members(source: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    begin = source.read(len(_ZSTD))
    source.seek(0)
    if begin == _ZSTD:
        raise UnreadableLayer(
            "a layer is compressed with zstd: copy the image with `skopeo copy --dest-compress-format gzip` first"
        )
    try:
        with tarfile.open(fileobj=source, mode="r:*") as archive:
            yield from archive
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        OSError,
    ) as problem:  # bzip2's and gzip's own are OSErrors
        raise UnreadableLayer(f"a layer is no tar file, or only a part of one: {problem}") from problem


def _above(path: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)) != "/":
        yield path
