"""The one file that HTCondor transfers as the job's executable: the same bytes for every pod."""

import io
import zipfile
from functools import cache
from importlib import resources

ENTRY = """\
import sys

if sys.argv[1:2] == ["enter"]:
    from supervisor import enter

    raise SystemExit(enter.main(sys.argv[2:]))

from supervisor.main import main

raise SystemExit(main())
"""
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip archive can hold


@cache
def executable() -> bytes:
    """A `/bin/sh` head that finds a Python >= 3.6, followed by a zip archive of the supervisor that this Python runs.

    The archive holds the sources in `supervisor/` and nothing that depends on when or where it is made.
    """
    folder = resources.files("condor_sidecar.job")
    sources = {"__main__.py": ENTRY.encode()}
    for source in (folder / "supervisor").iterdir():
        if source.name.endswith(".py"):
            sources["supervisor/" + source.name] = source.read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in sorted(sources.items()):
            packed.writestr(zipfile.ZipInfo(name, BEGINNING), content, zipfile.ZIP_DEFLATED, 9)
    return (folder / "start.sh").read_bytes() + archive.getvalue()
