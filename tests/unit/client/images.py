"""Images small enough to be written by a test: an archive of `docker save`, an OCI layout, a folder."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SITE = "opt/jupyter/lib/python3.13/site-packages"
PACKAGES = ("jupyterhub-5.5.4", "jupyterlab-4.6.6", "highrate-0.1.0")
OFFLOAD = ("dask-2026.8.0", "distributed-2026.8.1", "dask_gateway-2026.3.0")

Layer = Mapping[str, tuple[int, str]]
"""Path to mode and target of a link. A mode with 0o40000 is a folder."""

FOLDER = 0o40000
CONFIGURATION: dict[str, Any] = {
    "Env": ["PATH=/opt/jupyter/bin:/usr/bin:/bin", "HOME=/home/jovyan"],
    "Entrypoint": ["/usr/bin/tini", "--", "highrate", "session"],
    "Labels": {"highrate.contract": "1"},
}


def good_layer(*, offload: bool = False) -> dict[str, tuple[int, str]]:
    """Everything that the contract asks for."""
    names = (*PACKAGES, *(OFFLOAD if offload else ()))
    folders = ("opt", "opt/jupyter", "opt/jupyter/bin", "home", "cvmfs", "scratch", "usr", "usr/bin")
    return {
        **dict.fromkeys(folders, (FOLDER | 493, "")),
        "home/jovyan": (FOLDER | 0o1777, ""),
        "opt/jupyter/bin/jupyterhub-singleuser": (0o755, ""),
        **{f"{SITE}/{name}.dist-info/METADATA": (0o644, "") for name in names},
    }


def tar_layer(layer: Layer) -> bytes:
    """Folders above a file are not written: layers needn't."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (mode, target) in layer.items():
            member = tarfile.TarInfo(path)
            member.mode = mode & 0o7777
            member.type = tarfile.DIRTYPE if mode & FOLDER else tarfile.SYMTYPE if target else tarfile.REGTYPE
            member.linkname = target
            archive.addfile(member)
    return buffer.getvalue()


def docker_archive(place: Path, layers: Sequence[Layer], configuration: Mapping[str, Any] = CONFIGURATION) -> Path:
    names = [f"{number}.tar" for number in range(len(layers))]
    files = {
        "c.json": json.dumps({"config": configuration}).encode(),
        "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": names}]).encode(),
        **{name: tar_layer(layer) for name, layer in zip(names, layers, strict=True)},
    }
    with tarfile.open(place, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return place


def oci_layout(folder: Path, layers: Sequence[Layer], configuration: Mapping[str, Any] = CONFIGURATION) -> Path:
    """With an index in the index and a second architecture, as builders of several write it; layers are compressed."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes) -> dict[str, str]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}"}

    def document(content: object) -> dict[str, str]:
        return blob(json.dumps(content).encode())

    packed = [blob(gzip.compress(tar_layer(layer))) for layer in layers]
    manifest = document({"config": document({"config": configuration}), "layers": packed})
    other = document({"config": document({"config": {}}), "layers": []})
    manifests = [
        {**other, "platform": {"os": "linux", "architecture": "arm64"}},
        {**manifest, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
    (folder / "index.json").write_text(json.dumps({"manifests": [document({"manifests": manifests})]}))
    return folder


def unpacked(folder: Path, layer: Layer, configuration: Mapping[str, Any] | None = CONFIGURATION) -> Path:
    folder.mkdir()
    for path, (mode, target) in layer.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if target:
            place.symlink_to(target)
        elif mode & FOLDER:
            place.mkdir(exist_ok=True)
            place.chmod(mode & 0o7777)
        else:
            place.touch()
            place.chmod(mode & 0o7777)
    if configuration is not None:
        (folder / ".highrate").mkdir()
        (folder / ".highrate" / "config.json").write_text(json.dumps({"config": configuration}))
    return folder
