"""What differs between a notebook and its workers is one sentence."""

from typing import Any

import pytest
from highrate.dask import DifferentVersions, OffloadCluster, versions
from highrate.dask.versions import sentence

from tests.unit.client_dask.conftest import Platform

SAME = {"python": "3.13.5.final.0", "dask": "2026.8.0", "numpy": "2.3.1", "uproot": "5.7.7", "lz4": None}


def found(workers: list[dict[str, Any]], scheduler: dict[str, Any] | None = None, **mine: Any) -> dict[str, Any]:
    return {
        "client": {"packages": {**SAME, **mine}},
        "scheduler": {"packages": {**SAME, **(scheduler or {})}},
        "workers": {f"tls://w{number}": {"packages": {**SAME, **worker}} for number, worker in enumerate(workers)},
    }


@pytest.mark.parametrize(
    "equal",
    [
        found([]),
        found([{}, {}]),
        found([{"python": "3.13.9.final.0"}]),
        found([], scheduler={"numpy": None, "uproot": None}),
        {"client": None, "scheduler": None, "workers": {"tls://w": None}},
    ],
    ids=["no workers", "workers", "another patch of Python", "what a scheduler never unpickles", "nobody answers"],
)
def test_what_is_equal_enough(equal: dict[str, Any]) -> None:
    assert sentence(equal) is None


@pytest.mark.parametrize(
    ("different", "expected"),
    [
        (found([{"numpy": "1.26.4"}, {}]), "numpy is 2.3.1 here and 1.26.4 on 1 of 2 workers"),
        (found([{"uproot": None}]), "uproot is 5.7.7 here and missing on all workers"),
        (found([{"lz4": "4.4.4"}]), "lz4 is missing here and 4.4.4 on all workers"),
        (found([{"python": "3.12.1.final.0"}]), "python is 3.13.5 here and 3.12.1 on all workers"),
        (found([{"dask": "1"}], scheduler={"dask": "1"}), "dask is 2026.8.0 here and 1 on the scheduler. Start"),
        (found([{"numpy": "1"}, {"numpy": "2"}]), "numpy is 2.3.1 here and 1 or 2 on all workers"),
        (found([{"numpy": "1", "dask": "2"}]), "dask is 2026.8.0 here and 2 on all workers; numpy is 2.3.1 here and 1"),
    ],
)
def test_what_differs_is_named_once_with_both_ends(different: dict[str, Any], expected: str) -> None:
    said = sentence(different)
    assert said is not None
    assert expected in said
    assert "\n" not in said
    assert "Start the cluster with the session's own image" in said


async def test_a_notebook_is_told_when_it_gets_a_client(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    real = versions.sentence

    def as_if_toolz_differed(answer: Any) -> str | None:
        answer["client"]["packages"]["toolz"] = "0.1"
        return real(answer)

    monkeypatch.setattr(versions, "sentence", as_if_toolz_differed)
    async with platform.worker("w1"), OffloadCluster(asynchronous=True) as cluster:
        with pytest.warns(DifferentVersions, match=r"toolz is 0\.1 here"):
            await cluster.get_client(set_as_default=False)
