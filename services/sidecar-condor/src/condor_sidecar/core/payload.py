"""The payload: a plan's files as one tar archive, the same bytes for the same plan."""

import io
import tarfile

from condor_sidecar.model.plan import Plan

PAYLOAD = "payload.tar"


def pack(plan: Plan) -> bytes:
    """`payload.tar`: the plan's files in order of path, owned by nobody in particular, dated 1970.

    Plain ustar with long names in PAX headers, readable by the tar module of every Python >= 3.6.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in sorted(plan.files, key=lambda file: file.path):
            member = tarfile.TarInfo(file.path)
            member.size = len(file.content)
            member.mode = file.mode
            archive.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()
