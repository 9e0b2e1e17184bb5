"""Images of one static program: no build tool needed, only the archive format.

The format is `docker save`'s: layers as tar files, a configuration named by its hash, manifest.json.
"""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

from devcluster.images.reference import Image
from devcluster.paths import content_key

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def ensure(name: str, program: Path, cache: Path) -> Image:
    """An image that runs ``program`` as /<name>."""
    data = program.read_bytes()
    image = Image(name, content_key("scratch-1", name, data), cache)
    if not image.archive.is_file():
        image.archive.parent.mkdir(parents=True, exist_ok=True)
        draft = image.archive.with_suffix(f".{os.getpid()}.partial")
        draft.write_bytes(archive(image.reference, name, data))
        draft.replace(image.archive)
    return image


def archive(reference: str, name: str, program: bytes) -> bytes:
    """The whole archive; equal input gives equal bytes."""
    layer = _tar({name: program}, mode=0o755)
    digest = hashlib.sha256(layer).hexdigest()
    configuration = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(os.uname().machine, os.uname().machine),
            "os": "linux",
            "config": {"Entrypoint": [f"/{name}"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    configuration_name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    layer_name = f"{digest}.tar"
    manifest = [{"Config": configuration_name, "RepoTags": [reference], "Layers": [layer_name]}]
    files = {configuration_name: configuration, layer_name: layer, "manifest.json": json.dumps(manifest).encode()}
    return _tar(files, mode=0o644)


def _tar(files: dict[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as target:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            target.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
