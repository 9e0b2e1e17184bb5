"""An image as a directory, as the unpacked repositories on CVMFS hold it.

Apptainer can unpack an image itself, but compresses and copies everything twice on the way (40 s for our largest). So the
files are copied out of buildah's own mount, and Apptainer only writes what it adds to a tree, for an image of the same
configuration and no content. `.highrate/config.json` is the image's configuration itself, which `.singularity.d` holds in
part (it lacks the working directory and the user).
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from devcluster.images.reference import Image
from devcluster.machine import Machine
from devcluster.steps import StepLog

CONFIGURATION = ".highrate/config.json"
WORK = "/build"
ENVIRONMENT = {"STORAGE_DRIVER": "overlay", "BUILDAH_ISOLATION": "chroot"}  # buildah's, in a machine


def unpack(machine: Machine, image: Image, work: Path, target: str, log: StepLog) -> None:
    """Make ``target`` (a path in the machine) of the image in buildah's store. The machine sees ``work`` as WORK."""
    configuration = read_configuration(image.archive)
    (work / "shell.tar").write_bytes(empty_image(configuration))
    (work / "config.json").write_text(json.dumps(configuration, indent=1))
    script = f"""\
set -e
container=$(buildah from --pull=never {image.reference})
cp -a "$(buildah mount "$container")" {target}
buildah rm "$container" > /dev/null
rm -rf {WORK}/shell
apptainer build --disable-cache --sandbox {WORK}/shell docker-archive:{WORK}/shell.tar
cp -a --update=none {WORK}/shell/. {target}/
mkdir -p {target}/.highrate
cp {WORK}/config.json {target}/{CONFIGURATION}
chmod 0755 {target} {target}/.highrate
"""
    env = {**ENVIRONMENT, "APPTAINER_TMPDIR": WORK}
    machine.run_logged(["sh", "-c", script], log.path, env=env)


def read_configuration(archive: Path) -> dict[str, Any]:
    """The OCI configuration of a docker-archive's only image."""
    with tarfile.open(archive) as source:
        (manifest,) = json.loads(_member(source, "manifest.json"))
        configuration: dict[str, Any] = json.loads(_member(source, manifest["Config"]))
    return configuration


def empty_image(configuration: dict[str, Any]) -> bytes:
    """A docker-archive with the configuration of an image, and one layer that holds nothing but /tmp."""
    layer = _tar([(_folder("tmp"), b"")])
    digest = hashlib.sha256(layer).hexdigest()
    rest = {name: value for name, value in configuration.items() if name != "history"}
    config = json.dumps({**rest, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()
    manifest = [{"Config": "config.json", "RepoTags": ["localhost/shell:1"], "Layers": ["layer.tar"]}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": config, "layer.tar": layer}
    return _tar([(_file(name, data), data) for name, data in files.items()])


def complete(image: Image) -> bool:
    return (image.tree / CONFIGURATION).is_file()


def _member(source: tarfile.TarFile, name: str) -> bytes:
    stream = source.extractfile(name)
    if stream is None:
        raise FileNotFoundError(f"the archive has no {name}")
    return stream.read()


def _folder(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, 0o1777
    return member


def _file(name: str, data: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    return member


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as target:
        for member, data in members:
            target.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
