"""Opening what somebody has of an image: an archive of `docker save` or `skopeo`, an OCI layout, or an unpacked folder."""

import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from highrate.image_check.layers import LayeredFiles, UnreadableLayer
from highrate.image_check.tree import Configuration, File, Image

UNPACKED_CONFIGURATION = ".highrate/config.json"  # what the platform puts beside an image's files on CVMFS
_PLATFORM = {"os": "linux", "architecture": "amd64"}
_DEEPEST_INDEX = 4


class NotAnImage(Exception):
    """What was named is no image that can be read here; the message says what to do."""


class _Store(Protocol):
    """Named pieces of an archive or a layout."""

    def open(self, name: str) -> IO[bytes]:
        """Raises KeyError."""

    def has(self, name: str) -> bool: ...


def open_image(reference: str) -> Image:
    """Raises NotAnImage."""
    place = Path(reference)
    try:
        if place.is_dir():
            store = _FolderStore(place)
            return _from_layout(store) if store.has("index.json") else _from_folder(place)
        if place.is_file():
            with tarfile.open(place) as archive:
                return _from_archive(_TarStore(archive))
    except UnreadableLayer as problem:
        raise NotAnImage(f"{reference}: {problem}") from problem
    except OSError as problem:
        raise NotAnImage(f"{reference} can't be read: {problem}") from problem
    # of documents that are no image's, however odd: a file's shape is only known by using it
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError, tarfile.TarError) as problem:
        raise NotAnImage(
            f"{reference} is no image archive: {problem}; `docker save` and `skopeo copy` make some"
        ) from problem
    raise NotAnImage(
        f"there is no file or folder {reference}; fetch an image from a registry first: "
        f"skopeo copy docker://{reference} oci-archive:image.tar"
    )


class _FolderStore:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self._folder / name).open("rb")
        except OSError as problem:
            raise KeyError(f"no {name}") from problem

    def has(self, name: str) -> bool:
        return (self._folder / name).is_file()


class _TarStore:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._names = {name.removeprefix("./") for name in archive.getnames()}

    def open(self, name: str) -> IO[bytes]:
        for spelling in (name, f"./{name}"):
            try:
                found = self._archive.extractfile(spelling)
            except KeyError:
                continue
            if found is not None:
                return found
        raise KeyError(f"no {name}")

    def has(self, name: str) -> bool:
        return name in self._names


def _from_archive(store: _Store) -> Image:
    if not store.has("manifest.json"):
        return _from_layout(store)
    manifest = _json(store, "manifest.json")
    if len(manifest) != 1:
        raise ValueError(f"it holds {len(manifest)} images; save one of them alone")
    return _layered(store, manifest[0]["Config"], manifest[0]["Layers"])


def _from_layout(store: _Store) -> Image:
    found = _json(store, "index.json")
    for _ in range(_DEEPEST_INDEX):
        if "manifests" not in found:
            return _layered(store, _blob(found["config"]), [_blob(layer) for layer in found["layers"]])
        found = _json(store, _blob(_choose(found["manifests"])))
    raise ValueError("its index leads to indexes only")


def _choose(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    if not manifests:
        raise ValueError("its index is empty")
    fitting = [each for each in manifests if _PLATFORM.items() <= each.get("platform", _PLATFORM).items()]
    return (fitting or manifests)[0]


def _layered(store: _Store, configuration: str, layers: Iterable[str]) -> Image:
    files = LayeredFiles()
    for layer in layers:
        with store.open(layer) as source:
            files.add_layer(source)
    return Image(files, _configuration(_json(store, configuration)))


def _from_folder(root: Path) -> Image:
    place = root / UNPACKED_CONFIGURATION
    return Image(_FolderFiles(root), _configuration(json.loads(place.read_text())) if place.is_file() else None)


class _FolderFiles:
    def __init__(self, root: Path) -> None:
        self._root = root

    def at(self, path: str) -> File | None:
        place = self._root / path.lstrip("/")
        try:
            mode = place.lstat().st_mode
            return File(mode, str(place.readlink()) if place.is_symlink() else "")
        except OSError:
            return None

    def inside(self, path: str) -> Iterable[str]:
        place = self._root / path.lstrip("/")
        return [entry.name for entry in place.iterdir()] if place.is_dir() else []


def _configuration(document: Mapping[str, Any]) -> Configuration:
    config = document.get("config") or {}
    environment = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    return Configuration(environment, tuple(config.get("Entrypoint") or ()), config.get("Labels") or {})


def _json(store: _Store, name: str) -> Any:
    with store.open(name) as source:
        return json.load(source)


def _blob(descriptor: Mapping[str, str]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"
