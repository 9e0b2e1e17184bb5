"""How long the agent waits, and when a token goes."""

from itertools import pairwise

import pytest
from highrate.tokens.answer import Answer, Granted, NotNow, Refused
from highrate.tokens.schedule import AWAY, REFUSED, SOONEST, Decision, decide

NOW = 1000.0


def low(least: float, _most: float) -> float:
    return least


def high(_least: float, most: float) -> float:
    return most


def token(life: float) -> Granted:
    return Granted("t", "p", "", "", NOW + life)


def waits(answer: Answer, *, held_until: float | None = None, failures: int = 0) -> tuple[float, float]:
    """At the least and at the most."""
    least, most = (
        decide(answer, now=NOW, held_until=held_until, failures=failures, uniform=jitter) for jitter in (low, high)
    )
    assert least.drop == most.drop
    return least.wait, most.wait


def test_a_token_is_renewed_after_four_fifths_of_its_life_but_not_sooner() -> None:
    least, most = waits(token(600))
    assert least == 480  # until then the service hands out the same token again
    assert 480 < most < 600


@pytest.mark.parametrize("life", [0.5, 1, 5])
def test_the_service_is_never_asked_in_a_rush(life: float) -> None:
    assert waits(token(life)) == (SOONEST, SOONEST)


def test_a_token_that_is_good_for_ever_is_renewed_every_day() -> None:
    assert waits(token(1e10)) == (86_400, 86_400)


@pytest.mark.parametrize(
    ("answer", "first", "most"), [(NotNow("away"), *AWAY), (Refused("no"), *REFUSED)], ids=["away", "refuses"]
)
def test_waits_grow_to_a_bound_and_are_spread(answer: Answer, first: float, most: float) -> None:
    spans = [waits(answer, failures=number) for number in range(12)]
    assert spans[0] == pytest.approx((first * 0.8, first * 1.2))
    assert all(before[0] <= after[0] for before, after in pairwise(spans))
    assert spans[-1] == pytest.approx((most * 0.8, most * 1.2))
    assert waits(answer, failures=10_000) == spans[-1]


def test_a_wait_that_the_service_asks_for_is_kept_within_reason() -> None:
    assert waits(NotNow("busy", retry_after=30)) == (30, 30)
    assert waits(NotNow("busy", retry_after=86_400)) == (600, 600)
    assert waits(NotNow("busy", retry_after=1), failures=10)[0] > 1


@pytest.mark.parametrize(
    ("answer", "held_until", "drop"),
    [
        (Refused("no"), NOW - 1, True),
        (Refused("no"), NOW, True),
        (Refused("no"), NOW + 1, False),
        (Refused("no"), None, False),
        (NotNow("away"), NOW - 1, False),
        (token(600), NOW - 1, False),
    ],
)
def test_a_token_goes_when_it_has_expired_and_no_other_will_come(
    answer: Answer, held_until: float | None, drop: bool
) -> None:
    assert decide(answer, now=NOW, held_until=held_until, failures=0).drop is drop


def test_the_agent_is_there_when_a_token_expires_that_cant_be_renewed() -> None:
    assert decide(Refused("no"), now=NOW, held_until=NOW + 20, failures=8) == Decision(20)
    assert decide(Refused("no"), now=NOW, held_until=NOW + 0.001, failures=8) == Decision(1)
