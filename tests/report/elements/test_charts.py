"""Charts: panels with axes, marks in their places, names as text, and nothing that needs a script."""

import re

import pytest

from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import PALETTE
from helixnas.report.elements.marks import Bars, Marks, Rule


def test_a_chart_needs_no_script_and_shows_markup_as_it_is() -> None:
    chart = Chart(["<b>"], columns=2, height=100)
    chart.add(Marks(x=[1, 2], y=[1, 2], color=PALETTE[0], size=4, name="<i>", titles=["<u>", ""]))
    chart.x(title="<s>")
    piece = chart.html("x")
    assert 'id="chart-x"' in piece
    assert "<script" not in piece
    for tag in ("b", "i", "u", "s"):
        assert f"<{tag}>" not in piece
        assert f"&lt;{tag}&gt;" in piece


def test_every_title_has_a_panel_and_every_name_an_entry_once() -> None:
    chart = Chart(["a", "b"], columns=2, height=100)
    for panel in (0, 1):
        chart.add(Marks(x=[1], y=[2], color=PALETTE[panel], line=1, name="mean"), panel)
    assert [view.title for view in chart.panels()] == ["a", "b"]
    assert [(entry.name, entry.color) for entry in chart.legend()] == [("mean", PALETTE[0])]
    assert Chart(height=100, legend=False).legend() == []


def test_panels_share_their_vertical_range_where_asked() -> None:
    for share_y in (True, False):
        chart = Chart(["a", "b"], height=100, share_y=share_y)
        chart.add(Marks(x=[0, 1], y=[0, 1], color=PALETTE[0], size=4), 0)
        chart.add(Marks(x=[0, 1], y=[0, 9], color=PALETTE[0], size=4), 1)
        first, second = (view.vertical for view in chart.panels())
        assert ((first.low, first.high) == (second.low, second.high)) is share_y


def two_panels() -> Chart:
    chart = Chart(["a", "b"], height=100)
    for panel in (0, 1):
        chart.add(Marks(x=[1], y=[2], color=PALETTE[0], size=4), panel)
    return chart


def test_a_panel_with_nothing_to_show_is_left_out() -> None:
    chart = Chart(["a", "b", "c"], height=100)
    chart.add(Marks(x=[], y=[], color=PALETTE[0], size=4), 0)
    chart.add(Rule(y=1), 1)
    chart.add(Bars(edges=[0, 1], bottom=[0], top=[1], color=PALETTE[0]), 2)
    assert [view.title for view in chart.panels()] == ["c"]


def test_options_of_an_axis_are_those_of_one_panel_or_of_all() -> None:
    chart = two_panels()
    chart.x(title="step")
    chart.y(1, title="loss")
    assert [view.horizontal.title for view in chart.panels()] == ["step", "step"]
    assert [view.vertical.title for view in chart.panels()] == ["", "loss"]


def test_a_key_names_the_colours_of_its_panel() -> None:
    chart = two_panels()
    chart.key(["<8>", "16"], 1)
    assert [view.key for view in chart.panels()] == [[], [("<8>", PALETTE[0]), ("16", PALETTE[1])]]
    assert f'<i style="background: {PALETTE[1]}"></i>16' in chart.html("x")


@pytest.mark.parametrize(
    ("item", "tag"),
    [
        (Marks(x=[1, 2], y=[1, 2], color="c", line=2, dash="dot"), 'stroke-dasharray="2 4"'),
        (Marks(x=[1, 2], y=[1, 2], color="c", size=8), '<circle cx="4.55%" cy="95.45%" r="4.0"'),
        (Marks(x=[1, 2], y=[1, 2], color="c", size=8, symbol="star"), 'transform="scale(4.0)"'),
        (Marks(x=[1, 2], y=[1, 2], color="c", size=8, symbol="square-open"), "fill: var(--paper); stroke: c"),
        (Bars(edges=[0, 1], bottom=[0], top=[3], color="c", titles=["three"]), "<title>three</title></rect>"),
        (Rule(y=3, word="limit"), ">limit</text>"),
    ],
)
def test_every_kind_of_item_is_drawn(item: Marks | Bars | Rule, tag: str) -> None:
    chart = Chart(height=100)
    chart.add(item)
    if isinstance(item, Rule):
        chart.add(Marks(x=[1], y=[2], color="c", size=4))
    assert tag in re.sub(r"\s+", " ", chart.html("x"))


def test_names_that_would_run_into_each_other_are_tilted_and_cut() -> None:
    pieces: list[str] = []
    for names in (["a", "b"], ["standardised features", "b", "c"]):
        chart = Chart(height=100)
        chart.add(Marks(x=names[:1], y=[1], color=PALETTE[0], size=4))
        chart.x(categories=names)
        pieces.append(chart.html("x"))
    assert ["rotate(-55)" in piece for piece in pieces] == [False, True]
    assert "standardised feat\u2026<title>standardised features</title>" in pieces[1]
