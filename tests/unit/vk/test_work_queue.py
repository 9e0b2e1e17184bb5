"""Each guarantee of the work queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from service_runtime.backoff import Backoff
from virtual_kubelet import metrics
from virtual_kubelet.control.work_queue import PutOff, WorkQueue, at_least_a_moment

FAST = Backoff(0.01, 0.05, jitter=0)


class Worker:
    """A handler that records what it did and does what it is told."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.running: dict[str, int] = {}
        self.most_at_once = 0
        self.doubled = False
        self.gates: dict[str, asyncio.Event] = {}
        self.answers: dict[str, list[float | Exception]] = {}

    def hold(self, key: str) -> asyncio.Event:
        self.gates[key] = asyncio.Event()
        return self.gates[key]

    async def handle(self, key: str) -> float | None:
        self.running[key] = self.running.get(key, 0) + 1
        self.doubled = self.doubled or self.running[key] > 1
        self.most_at_once = max(self.most_at_once, sum(self.running.values()))
        try:
            self.handled.append(key)
            if key in self.gates:
                await self.gates[key].wait()
            else:
                await asyncio.sleep(0)
            answers = self.answers.get(key)
            answer = answers.pop(0) if answers else None
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.running[key] -= 1


made: list[WorkQueue] = []


@pytest.fixture(autouse=True)
async def _ended() -> AsyncIterator[None]:
    yield
    while made:
        await made.pop().drain(0)


def queue_of(worker: Worker, lane_of: Callable[[str], str] | None = None, **lanes: int) -> WorkQueue:
    queue = WorkQueue(worker.handle, lanes or {"all": 3}, lane_of or (lambda _key: "all"), FAST)
    made.append(queue)
    return queue


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not what():
            await asyncio.sleep(0.002)


async def test_a_key_is_handled_once_per_wish() -> None:
    worker = Worker()
    queue = queue_of(worker)
    queue.add("a")
    queue.add("a")
    await until(lambda: queue.idle)
    assert worker.handled == ["a"]


async def test_a_key_added_while_it_is_handled_is_handled_again_and_never_twice_at_once() -> None:
    worker = Worker()
    queue = queue_of(worker)
    gate = worker.hold("a")
    queue.add("a")
    await until(lambda: worker.handled == ["a"])
    queue.add("a")
    queue.add("a")
    await asyncio.sleep(0.01)
    assert worker.handled == ["a"]
    gate.set()
    await until(lambda: queue.idle)
    assert worker.handled == ["a", "a"] and not worker.doubled


async def test_failures_are_tried_again_with_growing_waits() -> None:
    worker = Worker()
    worker.answers["a"] = [PutOff("site"), ValueError("a bug"), PutOff("site", 0.0)]
    queue = queue_of(worker)
    queue.add("a")
    await until(lambda: len(worker.handled) == 4)
    await until(lambda: queue.idle)


async def test_a_handler_may_ask_to_come_back() -> None:
    worker = Worker()
    worker.answers["a"] = [0.01]
    queue = queue_of(worker)
    queue.add("a")
    await until(lambda: worker.handled == ["a", "a"])


async def test_lanes_are_bounded_and_keep_their_order() -> None:
    worker = Worker()
    queue = queue_of(worker)
    gates = [worker.hold(str(i)) for i in range(10)]
    for i in range(10):
        queue.add(str(i))
    await until(lambda: len(worker.handled) == 3)
    for gate in gates:
        gate.set()
    await until(lambda: queue.idle)
    assert worker.most_at_once == 3
    assert worker.handled == [str(i) for i in range(10)]


async def test_a_full_lane_holds_up_no_other() -> None:
    worker = Worker()
    queue = queue_of(worker, lambda key: key[0], s=1, f=1)
    gate = worker.hold("s1")
    for key in ("s1", "s2", "f1", "f2"):
        queue.add(key)
    await until(lambda: {"f1", "f2"} <= set(worker.handled))
    assert "s2" not in worker.handled
    gate.set()
    await until(lambda: "s2" in worker.handled)
    await until(lambda: queue.idle)


async def test_a_key_goes_to_the_lane_that_it_belongs_to_when_its_turn_comes() -> None:
    worker = Worker()
    lane = {"x": "s"}
    queue = queue_of(worker, lambda key: lane.get(key, "s"), s=1, f=1)
    gate = worker.hold("blocks")
    queue.add("blocks")
    queue.add("x")
    lane["x"] = "f"
    gate.set()
    await until(lambda: queue.idle)
    assert worker.handled == ["blocks", "x"]


async def test_an_earlier_wish_ends_a_wait() -> None:
    worker = Worker()
    worker.answers["a"] = [PutOff("later", 60.0)]
    queue = queue_of(worker)
    queue.add("a")
    await until(lambda: queue.idle)
    queue.add("a")
    await until(lambda: len(worker.handled) == 2)


@pytest.mark.parametrize("while_it_is_handled", [True, False])
async def test_a_mention_leaves_a_wait_as_it_is(while_it_is_handled: bool) -> None:
    worker = Worker()
    worker.answers["a"] = [PutOff("later", 60.0)]
    queue = queue_of(worker)
    gate = worker.hold("a")
    queue.add("a")
    await until(lambda: worker.handled == ["a"])
    if while_it_is_handled:
        queue.mention("a")
    gate.set()
    await until(lambda: queue.idle)
    queue.mention("a")
    await asyncio.sleep(0.01)
    assert queue.idle and worker.handled == ["a"]
    queue.hurry()
    await until(lambda: worker.handled == ["a", "a"])


async def test_a_mentioned_key_that_waits_for_nothing_is_handled() -> None:
    worker = Worker()
    queue = queue_of(worker)
    gate = worker.hold("a")
    queue.mention("a")
    await until(lambda: worker.handled == ["a"])
    queue.mention("a")
    gate.set()
    await until(lambda: worker.handled == ["a", "a"] and queue.idle)


async def test_a_later_wish_does_not_put_off_an_earlier_one() -> None:
    worker = Worker()
    queue = queue_of(worker)
    queue.add_after("a", 0.01)
    queue.add_after("a", 60.0)
    await until(lambda: worker.handled == ["a"])


async def test_hurry_ends_all_waits() -> None:
    worker = Worker()
    queue = queue_of(worker)
    for key in "abc":
        queue.add_after(key, 60.0)
    queue.hurry()
    await until(lambda: sorted(worker.handled) == ["a", "b", "c"])


async def test_what_waits_is_counted_by_lane_and_queues_side_by_side_keep_their_counts() -> None:
    def queue_with(lane: str) -> WorkQueue:
        return queue_of(Worker(), lambda _key: lane, **{lane: 1})

    metrics.QUEUE.clear()
    queues = [queue_with("first"), queue_with("second")]
    for number, queue in enumerate(queues, 1):
        for key in range(number):
            queue.add_after(str(key), 60.0)
    for queue in queues:
        queue.count()
    delayed = {
        s.labels["lane"]: s.value
        for metric in metrics.QUEUE.collect()
        for s in metric.samples
        if s.labels["state"] == "delayed"
    }
    assert delayed == {"first": 1, "second": 2}


@pytest.mark.parametrize("finishes", [True, False])
async def test_draining_starts_nothing_and_waits_for_what_runs(finishes: bool) -> None:
    worker = Worker()
    queue = queue_of(worker, all=1)
    gate = worker.hold("running")
    queue.add("running")
    queue.add("ready")
    queue.add_after("waiting", 0.001)
    await until(lambda: worker.handled == ["running"])
    if finishes:
        asyncio.get_running_loop().call_later(0.01, gate.set)
    await queue.drain(5.0 if finishes else 0.01)
    await asyncio.sleep(0.01)
    assert worker.handled == ["running"]
    assert worker.running["running"] == 0


async def test_nothing_is_lost_in_a_storm() -> None:
    """Every add is followed by a handling that began after it."""
    begun: dict[str, int] = {}
    added: dict[str, int] = {}
    clock = iter(range(10**6))

    async def handle(key: str) -> None:
        begun[key] = next(clock)
        await asyncio.sleep(0.0005)
        if begun[key] % 5 == 0:
            raise PutOff("storm", 0.001)

    handler: Callable[[str], Awaitable[float | None]] = handle
    queue = WorkQueue(handler, {"all": 4}, lambda _key: "all", FAST)
    for number in range(400):
        key = f"k{number * 7 % 13}"
        added[key] = next(clock)
        queue.add(key)
        if number % 9 == 0:
            await asyncio.sleep(0)
    await until(lambda: queue.idle and all(begun.get(key, -1) > when for key, when in added.items()))


@pytest.mark.parametrize(("asked", "expected"), [(None, None), (0.0, 1.0), (30.0, 30.0)])
def test_nobody_is_asked_in_a_circle(asked: float | None, expected: float | None) -> None:
    assert at_least_a_moment(asked) == expected
