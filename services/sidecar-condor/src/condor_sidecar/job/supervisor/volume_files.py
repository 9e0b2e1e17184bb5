"""Files of ConfigMaps, Secrets and the like, written as a kubelet does, so that they can be changed while containers read them.

They lie in a dated folder, `..data` points to it, and the names in the volume point through that: replacing `..data` changes all
files at once.
"""

import os
import shutil
import stat
import tempfile
import time
from typing import Dict, Iterable, Tuple

DATA = "..data"

VolumeFile = Tuple[int, bytes]
"""Mode and content."""


class BadVolumeFile(Exception):
    """A path isn't that of a file in a volume."""


def check(paths: Iterable[str]) -> None:
    """Raises BadVolumeFile if one of them can't be the path of a file in a volume."""
    for path in paths:
        if any(part in ("", ".", "..", DATA) for part in path.split("/")):
            raise BadVolumeFile("%r is no file of a volume" % path)


def write_files(folder: str, files: Dict[str, VolumeFile]) -> None:
    """Make these the volume's files, by path; in place of those that it has, if it has any. Raises BadVolumeFile, OSError."""
    check(files)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    dated = tempfile.mkdtemp(prefix=time.strftime("..%Y_%m_%d_%H_%M_%S.", time.gmtime()), dir=folder)
    os.chmod(dated, 0o755)
    try:
        for path, (mode, content) in files.items():
            _write(os.path.join(dated, path), mode, content)
        replaced = _replace_link(folder, os.path.basename(dated))
    except OSError:
        remove_tree(dated)
        raise
    names = {path.split("/")[0] for path in files}
    for name in names:
        if not os.path.lexists(os.path.join(folder, name)):
            os.symlink(os.path.join(DATA, name), os.path.join(folder, name))
    for name in os.listdir(folder):
        if not name.startswith("..") and name not in names:
            os.unlink(os.path.join(folder, name))
    if replaced:
        remove_tree(os.path.join(folder, replaced))


def _write(path: str, mode: int, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode & 0o777)


def _replace_link(folder: str, dated: str) -> str:
    """Let `..data` point to `dated`, in one step; what it pointed to before."""
    link, fresh = os.path.join(folder, DATA), os.path.join(folder, DATA + "_tmp")
    before = os.readlink(link) if os.path.islink(link) else ""
    if os.path.lexists(fresh):
        os.unlink(fresh)
    os.symlink(dated, fresh)
    os.replace(fresh, link)
    return before


def remove_tree(path: str) -> None:
    """Delete a tree as far as possible, directories without permissions included."""
    for folder, names, _ in os.walk(path):
        for name in names:
            child = os.path.join(folder, name)
            try:
                mode = os.lstat(child).st_mode
                if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
                    os.chmod(child, 0o700)
            except OSError:
                continue
    shutil.rmtree(path, ignore_errors=True)
