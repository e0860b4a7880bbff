"""Amounts as people write them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.search import parse_amount, parse_limits


@pytest.mark.parametrize(
    ("text", "number"),
    [("5.3M", 5_300_000), ("350m", 350_000_000), ("2k", 2000), ("1.5G", 1_500_000_000), ("1b", 10**9), ("1T", 10**12),
     (" 7 ", 7), (12, 12), (2.5, 2), ("1e6", 1_000_000), (1e-3, 0), (1e22, 10**22), ("0.3M", 300_000)],
)  # fmt: skip
def test_amounts_are_read_exactly_and_rounded_down(text: str | int | float, number: int) -> None:
    assert parse_amount(text) == number


@given(st.integers(0, 10**15), st.integers(0, 1000))
def test_a_percentage_is_that_share_of_the_reference_rounded_down(reference: int, tenths: int) -> None:
    share = parse_amount(f"{tenths / 10}%", reference=reference)
    assert share == Fraction(tenths, 1000) * reference // 1


@pytest.mark.parametrize("text", ["", "x", "5.3 MM", "-5", "1,000", "%", "nan", "inf", "M", "1..2", True])
def test_what_is_no_amount_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an amount; write 5300000, 5.3M, 350M or 60%"):
        parse_amount(text)


def test_a_share_of_something_unknown_is_told() -> None:
    with pytest.raises(
        ConfigError, match="'60%' is a share of the teacher's latency, which is not known; write a number"
    ):
        parse_limits({"latency": "60%"}, known={"latency": None}, option="max")


def test_an_unknown_resource_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown resource in max 'mac'; did you mean macs"):
        parse_limits({"mac": 1}, known={"macs": 1, "params": 1}, option="max")


def test_a_limit_in_milliseconds_is_one_in_nanoseconds() -> None:
    known = {"latency_ns": 20_000_000, "macs": 1}
    assert parse_limits({"latency_ms": "12.5", "macs": 3}, known=known, option="max") == {
        "latency_ns": 12_500_000,
        "macs": 3,
    }
    assert parse_limits({"latency_ns": 7}, known=known, option="max") == {"latency_ns": 7}
    assert parse_limits({"latency_ms": "40%"}, known=known, option="max") == {"latency_ns": 8_000_000}
    with pytest.raises(ConfigError, match="max limits latency_ns twice, by latency_ms and latency_ns; give it once"):
        parse_limits({"latency_ms": 1, "macs": 3, "latency_ns": 5}, known=known, option="max")
    with pytest.raises(UnknownNameError, match="unknown resource in max 'delay_ms'"):
        parse_limits({"delay_ms": 1}, known=known, option="max")
