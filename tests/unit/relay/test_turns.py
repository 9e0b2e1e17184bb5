"""What arrives faster than the loop goes round is not read on before the others had their turn."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from relay.io.end import End
from relay.io.splice import TURN_BYTES, splice


class Side:
    """One end, as splice sees it: it says what is asked of it."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.said: list[str] = []
        self.written = 0
        self.full = False
        self.drained = asyncio.Event()
        self.take: Callable[[bytes], None] = lambda _data: None

    def forward(self, take: Callable[[bytes], None]) -> None:
        self.take = take

    def write(self, data: bytes) -> None:
        self.written += len(data)

    async def drain(self) -> None:
        await self.drained.wait()

    def pause(self) -> None:
        self.said.append("pause")

    def resume(self) -> None:
        self.said.append("resume")

    def finish(self) -> None:
        self.said.append("finish")


async def turns(count: int = 5) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def sides() -> tuple[Side, Side]:
    return Side(), Side()


async def spliced(dialler: Side, listener: Side, spend: Callable[[int], float]) -> asyncio.Task[None]:
    task = asyncio.create_task(splice(cast(End, dialler), cast(End, listener), spend))
    await turns()
    return task


async def test_a_source_waits_after_its_portion_until_the_loop_has_gone_round(sides: tuple[Side, Side]) -> None:
    dialler, listener = sides
    task = await spliced(dialler, listener, lambda _count: 0.0)
    dialler.take(b"x" * (TURN_BYTES - 1))
    assert dialler.said == []
    dialler.take(b"x")
    assert dialler.said == ["pause"]
    await turns()
    assert dialler.said == ["pause", "resume"]
    dialler.take(b"x" * (TURN_BYTES - 1))
    assert dialler.said == ["pause", "resume"], "a new portion"
    assert (listener.written, listener.said) == (2 * TURN_BYTES - 1, [])
    task.cancel()


async def test_a_source_waits_for_its_reader(sides: tuple[Side, Side]) -> None:
    dialler, listener = sides
    task = await spliced(dialler, listener, lambda _count: 0.0)
    listener.full = True
    dialler.take(b"x")
    await turns()
    assert dialler.said == ["pause"]
    listener.full = False
    listener.drained.set()
    await turns()
    assert dialler.said == ["pause", "resume"]
    task.cancel()


async def test_a_source_waits_for_its_user_s_pace(sides: tuple[Side, Side]) -> None:
    dialler, listener = sides
    asked: list[int] = []

    def spend(count: int) -> float:
        asked.append(count)
        return 0.05 if count > 100 else 0.0

    task = await spliced(dialler, listener, spend)
    dialler.take(b"x" * 100)
    assert dialler.said == []
    dialler.take(b"x" * 101)
    await turns()
    assert (asked, dialler.said) == ([100, 101], ["pause"])
    async with asyncio.timeout(20):
        while dialler.said != ["pause", "resume"]:
            await asyncio.sleep(0.01)
    task.cancel()


@pytest.mark.parametrize("ending", [0, 1])
async def test_when_one_side_is_gone_both_are_finished(sides: tuple[Side, Side], ending: int) -> None:
    task = await spliced(*sides, lambda _count: 0.0)
    sides[ending].closed.set()
    await asyncio.wait_for(task, 20)
    assert [side.said for side in sides] == [["finish"], ["finish"]]
