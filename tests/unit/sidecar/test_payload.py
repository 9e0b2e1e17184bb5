"""The payload: the same bytes for the same plan, and all of them come out again."""

import io
import tarfile

from condor_sidecar.core.payload import pack
from condor_sidecar.model.plan import PayloadFile, Plan
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=120).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
FILES = st.dictionaries(PATHS, st.tuples(st.binary(max_size=2000), st.integers(0, 0o777)), max_size=8)


def plan(files: dict[str, tuple[bytes, int]]) -> Plan:
    listed = tuple(PayloadFile(path, content, mode) for path, (content, mode) in files.items())
    return Plan("u", "n", "p", {}, listed, (), 30, 60, "h")


@given(FILES)
def test_every_file_comes_out_with_its_content_and_mode(files: dict[str, tuple[bytes, int]]) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(plan(files)))) as archive:
        found = {}
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            found[member.name] = (content.read(), member.mode)
    assert found == files


@given(FILES)
def test_the_order_of_files_makes_no_difference(files: dict[str, tuple[bytes, int]]) -> None:
    backwards = dict(reversed(files.items()))
    assert pack(plan(files)) == pack(plan(backwards))


def test_nothing_tells_who_packed_it_and_when() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(plan({"a": (b"x", 0o600)})))) as archive:
        member = archive.getmember("a")
    assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
