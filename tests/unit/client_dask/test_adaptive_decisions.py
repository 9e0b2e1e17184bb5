"""How many workers to ask for, when they may wait hours in a queue."""

import pytest
from highrate.dask.adaptive import Memory, Policy, Sight, decide
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = Policy(minimum=0, maximum=100, chunk=10, wait_pending=2, wait_connected=4)


def sight(needed: int, connected: int, asked: int, room: int | None = None) -> Sight:
    return Sight(needed=needed, connected=connected, asked=asked, room=room)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(sight(0, 0, 0), 0, id="nothing to do"),
        pytest.param(sight(5, 0, 0), 5, id="few are asked for at once"),
        pytest.param(sight(80, 0, 0), 10, id="many in steps"),
        pytest.param(sight(80, 0, 10), 20, id="what waits counts as asked for, and another step is taken"),
        pytest.param(sight(80, 0, 40), 80, id="the steps grow with what was asked for"),
        pytest.param(sight(80, 0, 80), 80, id="a long queue is no reason to ask for more"),
        pytest.param(sight(500, 90, 90), 100, id="never more than the maximum"),
        pytest.param(sight(80, 3, 10, room=12), 12, id="never more than the site holds"),
        pytest.param(sight(80, 3, 12, room=12), 12, id="a full site is left alone"),
        pytest.param(sight(80, 0, 0, room=0), 0, id="a site without room is asked for nothing"),
        pytest.param(sight(8, 8, 8, room=4), 8, id="room that shrank sends nobody home who works"),
    ],
)
def test_what_is_asked_for_at_one_look(seen: Sight, expected: int) -> None:
    assert decide(POLICY, seen, Memory()) == (expected, Memory())


def test_a_minimum_is_there_at_once_and_whatever_happens() -> None:
    policy = Policy(minimum=30, chunk=10, wait_pending=1, wait_connected=1)
    assert decide(policy, sight(0, 0, 0), Memory())[0] == 30
    assert decide(policy, sight(0, 0, 0, room=5), Memory())[0] == 30
    assert decide(policy, sight(0, 35, 40), Memory())[0] == 30


def run(policy: Policy, sights: list[Sight]) -> list[int]:
    memory, answers = Memory(), []
    for seen in sights:
        count, memory = decide(policy, seen, memory)
        answers.append(count)
    return answers


def test_a_pause_between_two_computations_costs_nobody_the_place_in_the_queue() -> None:
    assert (
        run(POLICY, [sight(20, 5, 20), sight(0, 5, 20), sight(20, 5, 20), sight(0, 5, 20), sight(20, 5, 20)])
        == [20] * 5
    )


def test_what_waits_is_let_go_first_and_what_is_there_later() -> None:
    """One counts on when the answer before was followed: ten that wait beside five, then five, then none."""
    seen = [sight(0, 5, 15), sight(0, 5, 15), sight(0, 5, 5), sight(0, 5, 5), sight(0, 0, 0)]
    assert run(POLICY, seen) == [15, 5, 5, 0, 0]


def test_the_largest_need_of_the_last_looks_decides() -> None:
    assert run(POLICY, [sight(12, 5, 20), sight(8, 5, 20), sight(3, 5, 12), sight(3, 5, 8)]) == [20, 12, 8, 8]


def test_pending_workers_for_which_the_site_has_no_room_any_more_are_let_go() -> None:
    assert run(POLICY, [sight(50, 5, 30, room=10), sight(50, 5, 30, room=10)]) == [30, 10]


def test_with_no_limit_the_need_decides() -> None:
    assert decide(Policy(chunk=1000), sight(700, 0, 0), Memory())[0] == 700


@pytest.mark.parametrize(
    "wrong",
    [{"minimum": 2, "maximum": 1}, {"minimum": -1}, {"chunk": 0}, {"wait_pending": 0}, {"wait_pending": 7}],
    ids=str,
)
def test_policies_that_can_not_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"minimum|chunk"):
        Policy(**wrong)


SIGHTS = st.builds(
    lambda needed, connected, pending, room: sight(needed, connected, connected + pending, room),
    st.integers(0, 300), st.integers(0, 100), st.integers(0, 100), st.none() | st.integers(0, 200),
)  # fmt: skip


@settings(max_examples=60)
@given(seen=st.lists(SIGHTS, min_size=1, max_size=12), minimum=st.integers(0, 20))
def test_rules_that_hold_whatever_is_seen(seen: list[Sight], minimum: int) -> None:
    policy, memory = Policy(minimum=minimum, maximum=150, chunk=10, wait_pending=2, wait_connected=4), Memory()
    for one in seen:
        count, memory = decide(policy, one, memory)
        assert count >= minimum
        assert len(memory.small_needs) <= policy.wait_connected
        if count > one.asked:
            assert count <= max(minimum, min(150, one.asked + max(10, one.asked)))
            assert count == minimum or one.room is None or count <= max(one.room, one.connected)
        if count < min(one.asked, one.connected):
            assert len(memory.small_needs) == policy.wait_connected


@settings(max_examples=60)
@given(needed=st.integers(0, 150), connected=st.integers(0, 60), pending=st.integers(0, 60))
def test_a_need_that_stays_is_met_in_the_end(needed: int, connected: int, pending: int) -> None:
    memory, asked = Memory(), connected + pending
    for _ in range(20):
        asked, memory = decide(POLICY, sight(needed, min(connected, asked), asked), memory)
    assert asked == min(needed, 100)
