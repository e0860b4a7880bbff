"""What a panel of a chart shows: points and lines, bars, and rules across it."""

from collections.abc import Sequence
from dataclasses import dataclass

from helixnas.artifacts.agreement import Interval
from helixnas.report.elements.axes import Number, Value
from helixnas.report.elements.colors import QUIET


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Points, the line through them, or both."""

    x: Sequence[Value]
    """Numbers, or names of categories; a number that is none breaks the line."""

    y: Sequence[Number]
    color: str
    line: Number = 0
    """Width of the line in pixels; 0 for none."""

    dash: str = ""
    """``dot`` or ``dash``; empty for a solid line."""

    is_staircase: bool = False
    size: Number = 0
    """Width of a point in pixels; 0 for none."""

    symbol: str = "circle"
    """One of `SYMBOLS`, or ``circle``; with ``-open``, hollow."""

    opacity: Number = 1
    name: str = ""
    """Entry of the legend; empty for none."""

    titles: Sequence[str] = ()
    """A text per point, shown at the pointer."""

    intervals: Sequence[Interval] = ()
    """Per point, the ends of a vertical whisker."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Bars between `edges`, each from `bottom` to `top`."""

    edges: Sequence[Number]
    bottom: Sequence[Number]
    top: Sequence[Number]
    color: str
    titles: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A line across the panel at `x` or `y`, with a word at its end."""

    x: Number | None = None
    y: Number | None = None
    color: str = QUIET
    dash: str = ""
    word: str = ""
