"""From the marks of a panel to shapes with places in percent, which the template of charts draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from helixnas.report.elements.axes import Axis, Number, Value, Wanted, axis_over
from helixnas.report.elements.marks import Bars, Marks, Rule

MOST_POINTS = 400
"""Points of a line that are drawn: of more, the lowest and highest of every stretch; also points that have texts."""

MOST_LETTERS = 44
"""Letters below a panel on a telephone."""

DASHES = {"": "", "dot": "2 4", "dash": "6 4"}
SHAPES = {
    "circle": "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z",
    "square": "M-.85 -.85H.85V.85H-.85Z",
    "diamond": "M0 -1.2L1.2 0L0 1.2L-1.2 0Z",
    "triangle": "M0 -1.15L1.1 .85H-1.1Z",
    "hexagon": "M-1 0L-.5 -.9H.5L1 0L.5 .9H-.5Z",
    "cross": "M-.4 -1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
    "star": "M0 -1.4L.35 -.45L1.35 -.42L.55 .2L.85 1.15L0 .58L-.85 1.15L-.55 .2L-1.35 -.42L-.35 -.45Z",
}
"""Outlines of symbols, of about radius 1."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One piece of a panel: places in percent from the left and the top, sizes in pixels."""

    kind: str
    """``line``, ``dot``, ``symbol``, ``bar``, ``rule``, ``whisker``."""

    color: str
    x: float = 0.0
    y: float = 0.0
    x2: float = 0.0
    y2: float = 0.0
    size: Number = 0
    opacity: Number = 1
    path: str = ""
    """Of a line in thousandths of the panel, of a symbol around its middle."""

    dash: str = ""
    is_hollow: bool = False
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """A name with the look of its marks."""

    name: str
    color: str
    dash: str
    path: str
    """Outline of the symbol; empty for a line alone."""

    is_hollow: bool
    has_line: bool


@dataclass(frozen=True, kw_only=True)
class PanelView:
    """A panel with everything in its place."""

    title: str
    height: int
    horizontal: Axis
    vertical: Axis
    shapes: tuple[Shape, ...]
    key: Sequence[tuple[str, str]]

    @property
    def is_tilted(self) -> bool:
        """Whether the names below the panel would run into each other on a telephone."""
        names = self.horizontal.categories
        return len(names) > 1 and len(names) * (1 + max(map(len, names))) > MOST_LETTERS


def view_of(
    *,
    title: str,
    height: int,
    marks: Sequence[Marks],
    bars: Sequence[Bars],
    rules: Sequence[Rule],
    key: Sequence[tuple[str, str]],
    horizontal: Wanted,
    vertical: Wanted,
    shared: Sequence[Number] | None,
) -> PanelView:
    """Return a panel with its axes; `shared` are the values of all panels where they have one vertical range."""
    across: list[Value] = [value for each in marks for value in each.x] + [edge for each in bars for edge in each.edges]
    across += [rule.x for rule in rules if rule.x is not None]
    up: list[Value] = [value for each in marks for value in each.y] if shared is None else list(shared)
    up += [end for each in marks for interval in each.intervals for end in interval]
    up += [value for each in bars for value in (*each.bottom, *each.top)]
    up += [rule.y for rule in rules if rule.y is not None]
    x, y = axis_over(across, horizontal), axis_over(up, vertical)
    shapes = [shape for each in bars for shape in _bars(each, x, y)]
    shapes += [_rule(rule, x, y) for rule in rules]
    shapes += [shape for each in marks for shape in _marks(each, x, y)]
    return PanelView(title=title, height=height, horizontal=x, vertical=y, shapes=tuple(shapes), key=key)


def legend_of(marks: Sequence[Marks]) -> list[LegendEntry]:
    """Return an entry per name of marks, the first of that name."""
    named = dict[str, Marks]()
    for each in marks:
        if each.name:
            named.setdefault(each.name, each)
    return [
        LegendEntry(
            name=name,
            color=each.color,
            dash=DASHES[each.dash],
            path=SHAPES[each.symbol.removesuffix("-open")] if each.size else "",
            is_hollow=each.symbol.endswith("-open"),
            has_line=bool(each.line),
        )
        for name, each in named.items()
    ]


def thinned(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return the positions to draw of a long line: the lowest and the highest value of each of 200 stretches, in order.

    >>> len(thinned(np.arange(5.0), np.zeros(5))), len(thinned(np.arange(9000.0), np.arange(9000.0) % 7)) <= 402
    (5, True)
    """
    if len(x) <= MOST_POINTS:
        return np.arange(len(x))
    stretches = np.array_split(np.arange(len(x)), MOST_POINTS // 2)
    ends = [each[[int(np.argmin(y[each])), int(np.argmax(y[each]))]] for each in stretches]
    return np.unique(np.concatenate([[0], *ends, [len(x) - 1]]))


def _marks(marks: Marks, x: Axis, y: Axis) -> list[Shape]:
    across = np.array([x.place(value) for value in marks.x], dtype=np.float64)
    up = np.array([1 - y.place(value) for value in marks.y], dtype=np.float64)
    shapes: list[Shape] = []
    if marks.line and len(across):
        path = _path(across, up, is_staircase=marks.is_staircase)
        look: dict[str, Any] = {
            "color": marks.color,
            "size": marks.line,
            "opacity": marks.opacity,
            "dash": DASHES[marks.dash],
        }
        shapes.append(Shape(kind="line", path=path, **look))
    for place, (low, high) in zip(across, marks.intervals, strict=bool(marks.intervals)):
        ends: dict[str, Any] = {"y": 100 * (1 - y.place(low)), "y2": 100 * (1 - y.place(high))}
        shapes.append(Shape(kind="whisker", color=marks.color, x=100 * place, x2=100 * place, size=1.5, **ends))
    if not marks.size:
        return shapes
    outline, is_hollow = SHAPES[marks.symbol.removesuffix("-open")], marks.symbol.endswith("-open")
    titles = marks.titles if 0 < len(marks.titles) <= MOST_POINTS else [""] * len(across)
    look: dict[str, Any] = {
        "color": marks.color,
        "size": marks.size / 2,
        "opacity": marks.opacity,
        "is_hollow": is_hollow,
    }
    kind, path = ("dot", "") if marks.symbol.startswith("circle") else ("symbol", outline)
    shapes += [
        Shape(kind=kind, x=100 * left, y=100 * top, path=path, title=title, **look)
        for left, top, title in zip(across, up, titles, strict=True)
        if math.isfinite(left) and math.isfinite(top)
    ]
    return shapes


def _path(across: npt.NDArray[np.float64], up: npt.NDArray[np.float64], *, is_staircase: bool) -> str:
    """Return a line in thousandths of the panel; it is broken where a place is no number."""
    kept = thinned(across, up) if np.isfinite(across).all() and np.isfinite(up).all() else np.arange(len(across))
    parts: list[str] = []
    is_begun = False
    for left, top in zip((1000 * across[kept]).tolist(), (1000 * up[kept]).tolist(), strict=True):
        if not (math.isfinite(left) and math.isfinite(top)):
            is_begun = False
            continue
        parts.append(
            f"H{left:.1f}V{top:.1f}" if is_begun and is_staircase else f"{'L' if is_begun else 'M'}{left:.1f} {top:.1f}"
        )
        is_begun = True
    return "".join(parts)


def _bars(bars: Bars, x: Axis, y: Axis) -> list[Shape]:
    edges = [100 * x.place(edge) for edge in bars.edges]
    titles = bars.titles or [""] * len(bars.top)
    return [
        Shape(
            kind="bar",
            color=bars.color,
            x=left,
            x2=right,
            y=100 * (1 - y.place(top)),
            y2=100 * (1 - y.place(bottom)),
            title=title,
        )
        for left, right, bottom, top, title in zip(edges, edges[1:], bars.bottom, bars.top, titles, strict=False)
        if top > bottom
    ]


def _rule(rule: Rule, x: Axis, y: Axis) -> Shape:
    look: dict[str, Any] = {"color": rule.color, "size": 1.2, "dash": DASHES[rule.dash], "title": rule.word}
    if rule.x is not None:
        at = 100 * x.place(rule.x)
        return Shape(kind="rule", x=at, x2=at, y=0.0, y2=100.0, **look)
    assert rule.y is not None
    at = 100 * (1 - y.place(rule.y))
    return Shape(kind="rule", x=0.0, x2=100.0, y=at, y2=at, **look)
