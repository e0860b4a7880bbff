"""Intervals against published values and limits."""

import pytest

from helixnas.report.elements.intervals import accuracy_texts, coverage_of_two_standard_errors, wilson_interval


@pytest.mark.parametrize(
    ("right", "number", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_the_table_of_newcombe(right: int, number: int, low: float, high: float) -> None:
    """Newcombe 1998, table I, method 3."""
    assert wilson_interval(right / number, number) == pytest.approx((low, high), abs=5e-5)


def test_wilson_shrinks_with_the_number_of_images() -> None:
    wide, narrow = wilson_interval(0.75, 100), wilson_interval(0.75, 10_000)
    assert wide[0] < narrow[0] < 0.75 < narrow[1] < wide[1]


@pytest.mark.parametrize(("share", "number"), [(1.5, 10), (-0.1, 10), (0.5, 0)])
def test_wilson_refuses_what_is_no_share(share: float, number: int) -> None:
    with pytest.raises(ValueError, match="a share in 0 .. 1 of at least one image is needed"):
        wilson_interval(share, number)


def test_two_standard_errors_cover_less_with_few_batches() -> None:
    assert coverage_of_two_standard_errors(4) == pytest.approx(0.8606, abs=1e-3)
    assert coverage_of_two_standard_errors(100_000) == pytest.approx(0.9545, abs=1e-4)


def test_accuracy_that_was_not_measured_is_a_dash() -> None:
    assert accuracy_texts(None, 100) == ("\u2013", "\u2013", "\u2013")
