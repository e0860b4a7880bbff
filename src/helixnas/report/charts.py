"""How every chart of the page looks, and how a plotly figure becomes a piece of HTML that needs no network.

Charts have a fixed width, which the page's style sheet scales on paper: a chart that measured its column would keep
the screen's width when it is printed.
"""

import html
import math
from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

WIDTH = 940
"""Pixels: the width of the page's column."""

INK = "#1f2328"
QUIET = "#59636e"
RULE = "#e3e6ea"
PALETTE = ("#0b62a8", "#b85c00", "#12805c", "#3a3f47", "#a3458c", "#8a6d00", "#c0392b", "#4b5bb5")
"""At least 4.5 : 1 against white, so that words may wear them; the first four stay apart for colour-blind eyes."""

SYMBOLS = ("star", "diamond", "triangle-up", "square", "hexagon", "cross")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def color_of(position: int) -> str:
    """Return the colour of the thing at a position, the same in every chart."""
    return PALETTE[position % len(PALETTE)]


def symbol_of(position: int) -> str:
    """Return the marker of the search at a position, the same in every chart."""
    return SYMBOLS[position % len(SYMBOLS)]


def label(name: object) -> str:
    """Return `name` so that plotly, which reads a little HTML, shows it as it is."""
    return html.escape(str(name), quote=False)


def panels(titles: list[str], *, columns: int, height: int, legend: bool = False, share_y: bool = False) -> go.Figure:
    """Return an empty figure of panels, `height` pixels a row, each under its title.

    Args:
        titles: one per panel.
        columns: panels in a row, at most.
        height: of a panel, in pixels.
        legend: whether to keep room for one below.
        share_y: whether all panels show the same range, so that they may be compared by eye.
    """
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    top, bottom, between = 34, 76 if legend else 46, 74
    total = top + bottom + rows * height + (rows - 1) * between
    inner = total - top - bottom
    chart = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[label(title) for title in titles],
        vertical_spacing=between / inner if rows > 1 else 0.0,
        horizontal_spacing=0.085 if columns > 1 else 0.0,
    )
    if share_y:
        chart.update_layout({f"yaxis{number}": {"matches": "y"} for number in range(2, len(titles) + 1)})
    chart.update_annotations(font={"size": 13, "color": INK}, yshift=4)
    return style(chart, height=total, top=top, bottom=bottom).update_layout(showlegend=legend)


def style(chart: go.Figure, *, height: int, top: int = 20, bottom: int = 56, left: int = 66) -> go.Figure:
    """Give a figure the page's looks; returns it."""
    chart.update_layout(
        width=WIDTH,
        height=height,
        margin={"l": left, "r": 16, "t": top, "b": bottom},
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        hoverlabel={"font": {"size": 12}},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"},
        bargap=0.06,
    )
    axis = {
        "gridcolor": RULE,
        "zeroline": False,
        "linecolor": "#aeb5bd",
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "#aeb5bd",
        "title_font": {"size": 12, "color": QUIET},
        "title_standoff": 8,
        "automargin": False,
    }
    chart.update_xaxes(axis)
    chart.update_yaxes(axis)
    return chart


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """Return a logarithmic axis over `values` with labels that do not run into each other.

    >>> log_axis([0.25, 4.0])["ticktext"]
    ['0.5', '1', '2']
    """
    found = [value for value in values if value > 0]
    low, high = (min(found), max(found)) if found else (0.1, 1.0)
    decades = math.log10(high / low)
    steps = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.7 else (1, 2, 5) if decades < 3 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:.3g}" for tick in ticks]}


def place(position: int, *, columns: int, number: int) -> dict[str, Any]:
    """Return row and column of the panel at a position.

    >>> place(3, columns=3, number=5)
    {'row': 2, 'col': 1}
    """
    row, column = divmod(position, min(columns, number))
    return {"row": row + 1, "col": column + 1}


def to_html(chart: go.Figure, *, name: str, description: str) -> str:
    """Return the figure as HTML that expects plotly.js on the page; `name` is its id."""
    drawn = chart.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=f"chart-{name}",
        config={"displayModeBar": False, "responsive": False},
    )
    return f'<div class="chart" role="img" aria-label="{html.escape(description, quote=True)}">{drawn}</div>'
