"""Places of marks in percent: what is drawn is where it belongs, and long lines keep their extremes."""

import numpy as np
import pytest

from helixnas.report.elements.axes import Wanted
from helixnas.report.elements.marks import Bars, Marks, Rule
from helixnas.report.elements.plotting import MOST_POINTS, PanelView, legend_of, thinned, view_of

SQUARE = Wanted(range=(0, 10))


def view(*items: Marks | Bars | Rule, horizontal: Wanted = SQUARE, vertical: Wanted = SQUARE) -> PanelView:
    """Return a panel of some items, from 0 to 10 in both directions unless asked otherwise."""
    return view_of(
        title="",
        height=100,
        marks=[item for item in items if isinstance(item, Marks)],
        bars=[item for item in items if isinstance(item, Bars)],
        rules=[item for item in items if isinstance(item, Rule)],
        key=[],
        horizontal=horizontal,
        vertical=vertical,
        shared=None,
    )


def test_a_point_is_placed_from_the_left_and_from_the_top() -> None:
    (dot,) = view(Marks(x=[2.5], y=[10], color="c", size=6)).shapes
    assert (dot.kind, dot.x, dot.y, dot.size) == ("dot", 25, 0, 3)


def test_a_staircase_goes_across_and_then_up() -> None:
    line = Marks(x=[0, 5, 10], y=[0, 5, 10], color="c", line=1, is_staircase=True)
    assert view(line).shapes[0].path == "M0.0 1000.0H500.0V500.0H1000.0V0.0"


def test_a_line_is_broken_where_there_is_no_number() -> None:
    line = Marks(x=[0, 1, np.nan, 2, 3], y=[0, 0, np.nan, 0, 0], color="c", line=1)
    path = view(line).shapes[0].path
    assert path.count("M") == 2
    assert path.count("L") == 2


def test_whiskers_reach_to_the_ends_of_intervals_and_widen_the_axis() -> None:
    marks = Marks(x=[5], y=[5], color="c", size=4, intervals=[(2.0, 8.0)])
    whisker, _ = view(marks).shapes
    assert whisker.kind == "whisker"
    assert (whisker.x, whisker.y, whisker.y2) == pytest.approx((50, 80, 20))
    assert view(marks, vertical=Wanted()).vertical.high > 8


def test_bars_stand_on_their_bottom_and_empty_ones_are_left_out() -> None:
    shapes = view(Bars(edges=[0, 5, 10], bottom=[0, 2], top=[0, 4], color="c")).shapes
    assert [(bar.x, bar.x2, bar.y, bar.y2) for bar in shapes] == [(50, 100, 60, 80)]


def test_rules_cross_the_panel() -> None:
    upright, level = view(Rule(x=5), Rule(y=2.5, word="limit")).shapes
    assert (upright.x, upright.x2, upright.y, upright.y2) == (50, 50, 0, 100)
    assert (level.x, level.x2, level.y, level.y2, level.title) == (0, 100, 75, 75, "limit")


def test_names_are_places_in_the_middle_of_their_part() -> None:
    marks = Marks(x=["b", "a"], y=[1, 1], color="c", size=4)
    shapes = view(marks, horizontal=Wanted(categories=["a", "b"])).shapes
    assert [shape.x for shape in shapes] == [75, 25]


def test_a_long_line_keeps_its_ends_and_its_extremes() -> None:
    x, y = np.arange(10_000.0), np.random.default_rng(0).normal(size=10_000)
    kept = thinned(x, y)
    assert len(kept) <= MOST_POINTS + 2
    assert {0, 9_999, int(y.argmin()), int(y.argmax())} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()


def test_texts_of_very_many_points_are_left_out() -> None:
    few, many = (
        view(Marks(x=[1] * number, y=[1] * number, color="c", size=4, titles=["t"] * number)).shapes
        for number in (MOST_POINTS, MOST_POINTS + 1)
    )
    assert {shape.title for shape in few} == {"t"}
    assert {shape.title for shape in many} == {""}


def test_a_legend_shows_line_and_symbol_of_the_first_of_a_name() -> None:
    first = Marks(x=[1], y=[1], color="c", line=1, name="a")
    second = Marks(x=[1], y=[1], color="d", size=4, symbol="star-open", name="b")
    a, b = legend_of([first, second, Marks(x=[1], y=[1], color="e", size=4, name="a"), Marks(x=[], y=[], color="f")])
    assert (a.name, a.color, a.has_line, a.path) == ("a", "c", True, "")
    assert (b.name, b.has_line, b.is_hollow, bool(b.path)) == ("b", False, True, True)
