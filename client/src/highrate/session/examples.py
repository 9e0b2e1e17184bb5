"""The image's examples, copied into a home that has had none: to be run, changed and kept, or deleted for good.

The copy is made once: what somebody deleted stays away, and what somebody changed is never overwritten. The originals lie
in the image, where a later release's are as well.
"""

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from highrate.journal import say

IMAGES = Path("/opt/highrate/examples")
NAME = "examples"
MARK = Path(".local/share/highrate/examples")
_KINDS = ("*.ipynb", "*.py")
"""Data stay in the image, where workers have them, too."""


def offer(environ: Mapping[str, str], source: Path = IMAGES) -> None:
    """Once for each home. What can't be done is told, and keeps nobody from working."""
    home = Path(environ.get("HOME", ""))
    mark, target = home / MARK, home / NAME
    if not source.is_dir() or not home.is_absolute() or mark.exists():
        return
    try:
        if not target.exists():
            _copy(source, target)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as problem:
        say(f"The examples in {source} can't be copied into the home: {problem.strerror or problem}", warning=True)


def _copy(source: Path, target: Path) -> None:
    """As a whole, or not at all: two servers of one person may start at once."""
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        for kind in _KINDS:
            for place in source.glob(kind):
                shutil.copyfile(place, draft / place.name)  # not the mode: they are to be changed
        draft.chmod(0o755)
        with suppress(FileExistsError):  # the other one was faster
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
