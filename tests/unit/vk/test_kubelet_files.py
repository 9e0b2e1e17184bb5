"""The kubelet port's files are kept up to date: an API server that is away at the start is asked again."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from kubernetes_client.answer import ApiError
from virtual_kubelet.io.certificate import KubeletFiles

from tests.unit.vk.pods import Json

YEAR = 365 * 86400.0


class Cluster:
    """An API server that tells an authority, or fails."""

    def __init__(self) -> None:
        self.authority: str | None = None

    async def get(self, _path: str) -> Json:
        if self.authority is None:
            raise ApiError(0, "away")
        return {"data": {"client-ca-file": self.authority}}


class Kept:
    """The files, with a clock that is moved by hand."""

    def __init__(self, given: tuple[Path, Path] | None = None, client_ca: Path | None = None) -> None:
        self.now = 0.0
        self.cluster = Cluster()
        api: Any = self.cluster
        self.files = KubeletFiles(
            api, node="node", address="10.0.0.1", given=given, client_ca=client_ca, clock=lambda: self.now
        )

    def authority(self) -> str | None:
        path = self.files.tls.client_ca
        return path.read_text() if path is not None and path.exists() else None

    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.files.tls.cert.read_bytes()).serial_number


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    shutil.rmtree(made.files.tls.cert.parent)


async def test_an_authority_that_could_not_be_read_is_asked_for_again_and_a_new_one_taken_up(kept: Kept) -> None:
    await kept.files.refresh()
    assert kept.authority() is None
    running = asyncio.create_task(kept.files.run(retry=0.01, look=0.01))
    async with asyncio.timeout(10):
        for told in ("one", "two"):
            kept.cluster.authority = told
            while kept.authority() != told:
                await asyncio.sleep(0.01)
    running.cancel()


@pytest.mark.parametrize("told", [None, ""])
async def test_an_authority_that_is_told_no_more_stays(kept: Kept, told: str | None) -> None:
    kept.cluster.authority = "one"
    await kept.files.refresh()
    kept.cluster.authority = told
    await kept.files.refresh()
    assert kept.authority() == "one"


async def test_a_certificate_of_ours_is_replaced_before_it_ends(kept: Kept) -> None:
    first = kept.serial()
    kept.now = 0.79 * YEAR
    await kept.files.refresh()
    assert kept.serial() == first
    kept.now = 0.81 * YEAR
    await kept.files.refresh()
    second = kept.serial()
    assert second != first
    await kept.files.refresh()
    assert kept.serial() == second


async def test_an_administrators_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("crt", "key", "ca"):
        (tmp_path / name).write_text(name)
    kept = Kept((tmp_path / "crt", tmp_path / "key"), tmp_path / "ca")
    kept.now, kept.cluster.authority = 2 * YEAR, "another"
    await kept.files.refresh()
    assert {name: (tmp_path / name).read_text() for name in ("crt", "key", "ca")} == {
        "crt": "crt",
        "key": "key",
        "ca": "ca",
    }
