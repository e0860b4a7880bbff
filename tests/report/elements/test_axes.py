"""Axes: few round ticks inside the range, in every kind of range."""

import pytest

from helixnas.report.elements.axes import Wanted, axis_over, log_ticks, round_ticks, tick_text


@pytest.mark.parametrize("span", [(0.3, 0.5), (0.02, 3.0), (1e-6, 1.0), (0.4, 0.41)])
def test_logarithmic_ticks_are_few_and_inside(span: tuple[float, float]) -> None:
    ticks = log_ticks(*span)
    assert len(ticks) <= 9
    assert all(span[0] <= tick <= span[1] for tick in ticks)


@pytest.mark.parametrize("span", [(0, 1), (-3, 12), (0.4183, 0.4191), (1e6, 2.5e8), (-5e-7, 3e-7)])
@pytest.mark.parametrize("most", [3, 5, 8])
def test_round_ticks_are_inside_few_and_at_least_two(span: tuple[float, float], most: int) -> None:
    ticks = round_ticks(*span, most)
    assert 2 <= len(ticks) <= most
    assert all(span[0] - 1e-9 <= tick <= span[1] + 1e-9 for tick in ticks)


def test_whole_ticks_are_whole() -> None:
    assert round_ticks(1, 3, 5, whole=True) == [1, 2, 3]


def test_a_range_has_a_margin_around_the_values_and_may_begin_at_zero() -> None:
    axis = axis_over([10.0, 20.0], Wanted())
    assert (axis.low, axis.high) == (9.5, 20.5)
    assert axis_over([10.0, 20.0], Wanted(from_zero=True)).low == 0


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0], [float("nan")]])
@pytest.mark.parametrize("is_log", [True, False])
def test_one_value_or_none_still_makes_an_axis(values: list[float], is_log: bool) -> None:
    axis = axis_over(values, Wanted(is_log=is_log))
    assert axis.low < axis.high
    assert all(0 <= axis.place(value) <= 1 for value in values if value == value)


def test_a_logarithmic_axis_places_by_ratio_and_leaves_out_what_is_not_positive() -> None:
    axis = axis_over([0.0, 0.01, 1.0], Wanted(is_log=True, range=(0.01, 1.0)))
    assert axis.place(0.1) == pytest.approx(0.5)
    assert axis_over([0.0, 0.5, 1.0], Wanted(is_log=True)).low > 0.4


def test_a_range_from_large_to_small_turns_the_axis_round() -> None:
    axis = axis_over([], Wanted(range=(60, 0)))
    assert axis.place(0) == 1
    assert axis.ticks


def test_labels_of_one_axis_share_a_unit_and_have_a_true_minus() -> None:
    assert [tick_text(tick, [0, 20_000]) for tick in (0, 20_000)] == ["0", "20k"]
    assert tick_text(-1.5, [-1.5]) == "\u22121.5"
    assert tick_text(3000, [3000]) == "3000"
