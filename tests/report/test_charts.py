"""Looks that every chart shares."""

import numpy as np
import pytest

from helixnas.report.charts import label, log_axis, panels, to_html
from helixnas.report.losses import running_mean
from helixnas.report.markup import count, duration


def test_a_running_mean_leaves_a_constant_as_it_is() -> None:
    assert running_mean(np.full(50, 0.5)) == pytest.approx(np.full(50, 0.5))


def test_a_running_mean_keeps_the_first_and_the_last_value() -> None:
    values = np.arange(30.0) ** 2
    smooth = running_mean(values)
    assert (smooth[0], smooth[-1]) == (values[0], values[-1])


@pytest.mark.parametrize("span", [(0.3, 0.5), (0.02, 3.0), (1e-6, 1.0), (0.4, 0.4)])
def test_logarithmic_labels_are_few_and_inside(span: tuple[float, float]) -> None:
    ticks = log_axis(span)["tickvals"]
    assert len(ticks) <= 9
    assert all(span[0] <= tick <= span[1] for tick in ticks)


def test_a_logarithmic_axis_without_positive_values_is_still_one() -> None:
    assert log_axis([0.0])["type"] == "log"


def test_a_chart_carries_no_library_and_a_description() -> None:
    piece = to_html(panels(["<b>"], columns=2, height=100), name="x", description='a "b" <c>')
    assert len(piece) < 20_000
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in piece


def test_labels_show_markup_as_it_is() -> None:
    assert label("<b>&") == "&lt;b&gt;&amp;"


@pytest.mark.parametrize(("value", "words"), [(999_900, "1,000 k"), (0, "0"), (4.2e9, "4.2 G"), (12_281_088, "12.3 M")])
def test_large_numbers_have_three_figures(value: float, words: str) -> None:
    assert count(value) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.009, "0.009 s"), (119.7, "2 min 0 s"), (3600, "1 h 0 min")])
def test_times_are_in_a_unit_that_suits_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
