"""Waits grow, stay within their bounds, and never overflow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_runtime.backoff import Backoff


@given(attempt=st.integers(0, 10**9), spread=st.floats(0, 1))
def test_every_wait_is_positive_and_at_most_the_maximum(attempt: int, spread: float) -> None:
    wait = Backoff(0.5, 30).delay(attempt, lambda low, high: low + spread * (high - low))
    assert 0 < wait <= 30


def test_waits_grow_by_the_factor_until_the_maximum() -> None:
    backoff = Backoff(1, 10, factor=2, jitter=0)
    assert [backoff.delay(n) for n in range(6)] == [1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize("values", [(0, 1, 2, 0), (2, 1, 2, 0), (1, 2, 0.5, 0), (1, 2, 2, 1)])
def test_values_without_sense_are_refused(values: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="need"):
        Backoff(*values)
