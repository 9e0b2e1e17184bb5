"""Quantities are read as Kubernetes reads them, exactly."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from condor_sidecar.core.compile import quantity
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

NUMBERS = st.from_regex(r"\A[+-]?([0-9]{1,12}(\.[0-9]{0,9})?|\.[0-9]{1,9})\Z").map(str)
reference: Callable[[str], Decimal] = parse_quantity
SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("1", "1"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+3", "3"),
        ("-1", "-1"),
        ("100m", "0.1"),
        ("1500u", "0.0015"),
        ("7n", "7e-9"),
        ("2k", "2000"),
        ("3M", "3000000"),
        ("1E", "1e18"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1Ei", str(1024**6)),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("12e-3", "0.012"),
        ("1e+2", "100"),
    ],
)
def test_a_quantity_has_its_exact_value(text: str, value: str) -> None:
    assert quantity.parse(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 ",
        " 1",
        "12Q",
        "1KB",
        "1ki",
        "Ki",
        "1e",
        "e3",
        "1e3Ki",
        "1e1.5",
        "1_000",
        "1,5",
        "nan",
        "inf",
        "0x10",
        "٣",
        "--1",
        "1mm",
        "1" * 65,
        "1e1000",
        "1\n",
    ],
)
def test_what_the_api_server_would_not_take_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        quantity.parse(text)


@given(NUMBERS, st.sampled_from(SUFFIXES))
def test_the_kubernetes_client_agrees(number: str, suffix: str) -> None:
    assert quantity.parse(number + suffix) == reference(number + suffix)


@given(NUMBERS, st.sampled_from("eE"), st.integers(-30, 30))
def test_the_kubernetes_client_agrees_on_exponents(number: str, letter: str, exponent: int) -> None:
    assert quantity.parse(f"{number}{letter}{exponent}") == reference(f"{number}e{exponent}")
