"""A poll's answer tells a change once: whatever breaks while it is worked on, no pod misses it."""

import shutil
from collections.abc import Iterable, Sequence

import pytest
from condor_sidecar.app import pods
from condor_sidecar.app.pods import PodTable
from condor_sidecar.core.compact_record import parse_chirp
from condor_sidecar.io.journal import Journal, JournalError
from condor_sidecar.model.plan import PlannedContainer
from condor_sidecar.model.pod_record import PodRecord
from condor_sidecar.model.result import JobResult

from tests.fakes.condor_schedd import out_tar
from tests.unit.sidecar.conftest import Sidecar, created

ODD = "2;1;running;;r:99999999999999999:"


async def test_an_odd_word_of_one_job_is_left_out_and_the_other_pods_go_on(sidecar: Sidecar) -> None:
    odd, other = [await created(sidecar) for _ in range(2)]
    for uid in (odd, other):
        await sidecar.submitted(uid)
    sidecar.schedd.run(odd).attributes["ChirpIL"] = ODD
    sidecar.schedd.run(other)
    for uid in (odd, other):
        sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
        assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0


async def test_a_step_that_fails_for_one_pod_is_made_anew_and_keeps_no_other_back(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([ZeroDivisionError("a mistake of ours")])

    def parse(value: str, *containers: Sequence[PlannedContainer]) -> JobResult | None:
        if value == ODD:
            for error in failures:
                raise error
        return parse_chirp(value, *containers)

    monkeypatch.setattr(pods, "parse_chirp", parse)
    await test_an_odd_word_of_one_job_is_left_out_and_the_other_pods_go_on(sidecar)
    assert next(failures, None) is None, "it did fail"


async def test_a_failure_of_the_whole_poll_loses_none_of_its_changes(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    sidecar.schedd.run(uid)
    await sidecar.wait_for(uid, "waiting", reason="ContainerCreating")
    failures = iter([JournalError("the disk is full"), ZeroDivisionError("a mistake of ours")])
    take = PodTable.take_ads

    async def take_ads(self: PodTable, ads: Iterable[object], gone: Iterable[str], complete: bool) -> set[str]:
        listed = list(ads)
        if listed:
            for error in failures:
                raise error
        return await take(self, listed, gone, complete)  # type: ignore[arg-type]

    monkeypatch.setattr(PodTable, "take_ads", take_ads)
    sidecar.schedd.complete(uid, 0, {"out.tar": out_tar({"c": 0})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 0
    assert next(failures, None) is None, "both did fail"


async def test_a_pod_that_only_the_schedd_knows_is_journaled_at_the_second_try(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = await created(sidecar)
    await sidecar.submitted(uid)
    await sidecar.crash()
    shutil.rmtree(sidecar.settings.data)
    failures = iter([JournalError("the disk is full")])
    adopt = Journal.adopt

    async def failing_once(self: Journal, records: Iterable[PodRecord]) -> None:
        for error in failures:
            raise error
        await adopt(self, records)

    monkeypatch.setattr(Journal, "adopt", failing_once)
    await sidecar.start()
    sidecar.schedd.run(uid)
    sidecar.schedd.complete(uid, 3, {"out.tar": out_tar({"c": 3})})
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 3
    await sidecar.crash()
    await sidecar.start()
    assert (await sidecar.wait_for(uid, "terminated"))["exitCode"] == 3
