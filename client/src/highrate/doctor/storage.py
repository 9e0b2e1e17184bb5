"""Home, scratch and CVMFS."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from highrate.doctor.finding import Finding, absent, bad, doubtful, good

_GIB = 2**30
_FULL, _NEARLY = 0.02, 0.10
_REPOSITORIES = ("sft.cern.ch", "grid.cern.ch")
_BROKEN = "Restart the server; if it stays, tell your administrators."


def disk(place: Path, what: str) -> Finding:
    """Room, and whether a file can be written: a quota shows only then."""
    if not place.is_dir():
        return absent(f"there is no {place}")
    try:
        with tempfile.TemporaryFile(dir=place, prefix=".doctor-") as probe:
            probe.write(b"x" * 65536)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as problem:
        return bad(f"nothing can be written to {place}: {problem.strerror}", f"Make room in {what}: du -sh {place}/*")
    usage = shutil.disk_usage(place)
    said = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.1f} GiB free in {place}"
    if usage.free < _FULL * usage.total:
        return bad(said, f"Make room in {what}: du -sh {place}/* {place}/.[a-z]*")
    if usage.free < _NEARLY * usage.total:
        return doubtful(said, f"Before it is full, make room in {what}: du -sh {place}/*")
    return good(said)


def home(environ: Mapping[str, str]) -> Finding:
    return disk(Path(environ.get("HOME") or "/"), "your home; JupyterLab can't start when it is full")


def scratch(place: Path = Path("/scratch")) -> Finding:
    return disk(place, "it, or stop the server, which empties it")


def cvmfs(environ: Mapping[str, str], root: Path = Path("/cvmfs")) -> Finding:
    """A repository is mounted when it is first looked into, so that one has to look."""
    if not root.is_dir():
        return absent(f"there is no {root}")
    grid = environ.get("X509_CERT_DIR", "")
    try:
        mounted = sorted(root.iterdir())
    except OSError as problem:
        return bad(f"{root}: {problem.strerror}", _BROKEN)
    wanted = [Path(grid)] if grid.startswith(f"{root}/") else [*(root / name for name in _REPOSITORIES), *mounted]
    broken = []
    for place in wanted:
        try:
            if next(place.iterdir(), None) is not None:
                return good(f"{place} can be read")
            broken.append(f"{place} is empty")
        except OSError as problem:
            broken.append(f"{place}: {problem.strerror}")
    if not grid and not mounted:
        return absent("the platform mounts no CVMFS")
    return bad("; ".join(broken), _BROKEN)
