"""The look of every chart, and plotly figures as HTML that needs no network.

Charts have a fixed width, which the style sheet scales in print: a chart that adapted to its column would keep the
screen's width on paper. plotly takes a second to import, so only a page with a chart imports it.
"""

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from helixnas.artifacts.agreement import Interval

WIDTH = 940
"""Pixels: the width of the page's column."""

INK = "#1f2328"
QUIET = "#59636e"
GREY = "#b3bac2"
RULE = "#e3e6ea"
EDGE = "#aeb5bd"
PALETTE = ("#0b62a8", "#b85c00", "#12805c", "#3a3f47", "#a3458c", "#8a6d00", "#c0392b", "#4b5bb5")
"""Contrast of at least 4.5 : 1 against white, so text may use them; the first four suit colour-blind readers."""

SYMBOLS = ("star", "diamond", "triangle-up", "square", "hexagon", "cross")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


class Chart:
    """A plotly figure of a grid of panels, one per title and at most `columns` in a row, or of one panel without titles.

    The `height` is that of a panel in pixels; without titles, of the whole chart. A `legend` is shown below, `left` is the
    margin on the left in pixels, and `share_y` gives all panels the same vertical range, to compare them by eye.
    """

    def __init__(
        self,
        titles: Sequence[str] = (),
        *,
        height: int,
        columns: int = 1,
        legend: bool = False,
        share_y: bool = False,
        left: int = 66,
    ) -> None:
        from plotly import graph_objects, subplots

        self.columns = max(1, min(columns, len(titles)))
        self.figure: Any
        top, bottom, between = 34, 76 if legend else 46, 74
        if not titles:
            top, bottom = (16, 86) if legend else (20, 56)
            self.figure = graph_objects.Figure()
        else:
            rows = -(-len(titles) // self.columns)
            inner = rows * height + (rows - 1) * between
            height = top + inner + bottom
            self.figure = subplots.make_subplots(
                rows=rows,
                cols=self.columns,
                subplot_titles=[label(title) for title in titles],
                vertical_spacing=between / inner if rows > 1 else 0.0,
                horizontal_spacing=0.085 if self.columns > 1 else 0.0,
            )
            self.figure.update_annotations(font={"size": 13, "color": INK}, yshift=4)
        if share_y:
            self.figure.update_layout({f"yaxis{number}": {"matches": "y"} for number in range(2, len(titles) + 1)})
        self.is_grid = bool(titles)
        margin = {"l": left, "r": 16, "t": top, "b": bottom}
        self.figure.update_layout(_LAYOUT, height=height, margin=margin, showlegend=legend)
        self.figure.update_xaxes(_AXIS)
        self.figure.update_yaxes(_AXIS)

    def add(self, trace: dict[str, Any], panel: int = 0) -> None:
        """Add a trace to a panel, counted from 0."""
        self.figure.add_trace(trace, **self._place(panel))

    def rule(self, panel: int = 0, *, x: int | float | None = None, y: int | float | None = None, **style: Any) -> None:
        """Draw a vertical line at `x` or a horizontal one at `y`."""
        if x is not None:
            self.figure.add_vline(x=x, **style, **self._place(panel))
        else:
            self.figure.add_hline(y=y, **style, **self._place(panel))

    def x(self, panel: int = 0, **options: Any) -> None:
        """Set options of a panel's horizontal axis."""
        self.figure.update_xaxes(**options, **self._place(panel))

    def y(self, panel: int = 0, **options: Any) -> None:
        """Set options of a panel's vertical axis; only the first panel of a row shows its title."""
        if panel % self.columns:
            options.pop("title_text", None)
        self.figure.update_yaxes(**options, **self._place(panel))

    def key(self, names: Sequence[str], panel: int, mark: str) -> None:
        """Write names into the top right corner of a panel, each after a mark in its colour."""
        words = (f'<span style="color:{color_of(i)}">{mark} {label(name)}</span>' for i, name in enumerate(names))
        corner = {"x": 1, "y": 1, "xref": "x domain", "yref": "y domain", "xanchor": "right", "yanchor": "top"}
        box = {"align": "left", "showarrow": False, "bgcolor": "rgba(255,255,255,0.8)", "font": {"size": 11}}
        self.figure.add_annotation(text="<br>".join(words), **corner, **box, **self._place(panel))

    def html(self, name: str) -> Markup:
        """Return the chart as HTML that expects plotly.js on the page; its id is ``chart-`` and `name`."""
        return Markup(
            self.figure.to_html(
                full_html=False,
                include_plotlyjs=False,
                div_id=f"chart-{name}",
                config={"displayModeBar": False, "responsive": False},
            )
        )

    def _place(self, panel: int) -> dict[str, int]:
        row, column = divmod(panel, self.columns)
        return {"row": row + 1, "col": column + 1} if self.is_grid else {}


def scatter(x: Any, y: Any, mode: str, *, hover: str = "", **style: Any) -> dict[str, Any]:
    """Return a trace of points, lines or both; `hover` is plotly's template for the text at the pointer."""
    pointer = {"hovertemplate": f"{hover}<extra></extra>"} if hover else {"hoverinfo": "skip"}
    return {"type": "scatter", "x": x, "y": y, "mode": mode, **pointer, **style}


def whiskers(values: Sequence[float], intervals: Sequence[Interval], **style: Any) -> dict[str, Any]:
    """Return plotly's error bars that reach from each value to the ends of its interval.

    >>> whiskers([0.5], [(0.25, 1.0)])["array"]
    [0.5]
    """
    above = [high - value for value, (_, high) in zip(values, intervals, strict=True)]
    below = [value - low for value, (low, _) in zip(values, intervals, strict=True)]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def color_of(position: int) -> str:
    """Return the colour of the item at a position, the same in every chart."""
    return PALETTE[position % len(PALETTE)]


def symbol_of(position: int) -> str:
    """Return the marker of the search at a position, the same in every chart."""
    return SYMBOLS[position % len(SYMBOLS)]


def label(name: object) -> str:
    """Return `name` escaped for plotly, which interprets some HTML in its labels."""
    return html.escape(str(name), quote=False)


def log_axis(values: Iterable[float]) -> dict[str, Any]:
    """Return a logarithmic axis over `values` with labels that do not overlap.

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


_LAYOUT = {
    "width": WIDTH,
    "font": {"family": FONT, "size": 12, "color": INK},
    "paper_bgcolor": "#ffffff",
    "plot_bgcolor": "#ffffff",
    "hoverlabel": {"font": {"size": 12}},
    "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yref": "container", "yanchor": "bottom"},
    "bargap": 0.06,
}
_AXIS = {
    "gridcolor": RULE,
    "zeroline": False,
    "linecolor": EDGE,
    "showline": True,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": EDGE,
    "title_font": {"size": 12, "color": QUIET},
    "title_standoff": 8,
    "automargin": False,
}
