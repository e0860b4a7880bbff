"""Charts as SVG inside the page: panels of marks and bars that keep their letters at any width, on paper and in the dark.

Places inside a panel are percentages, so that a panel fills its column; the style sheet gives colours and letters.
Nothing is drawn by a script.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from helixnas.report.elements.axes import Wanted
from helixnas.report.elements.colors import color_of
from helixnas.report.elements.marks import Bars, Marks, Rule
from helixnas.report.elements.page import render
from helixnas.report.elements.plotting import LegendEntry, PanelView, legend_of, view_of


class Chart:
    """A grid of panels, one per title and at most `columns` in a row, or one panel without title; heights are in pixels.

    `share_y` gives all panels the same vertical range, to compare them by eye.
    """

    def __init__(
        self, titles: Sequence[str] = (), *, height: int, columns: int = 1, share_y: bool = False, legend: bool = True
    ) -> None:
        self.titles = tuple(titles) or ("",)
        self.height, self.columns, self.share_y, self.has_legend = height, columns, share_y, legend
        self.marks: list[list[Marks]] = [[] for _ in self.titles]
        self.bars: list[list[Bars]] = [[] for _ in self.titles]
        self.rules: list[list[Rule]] = [[] for _ in self.titles]
        self.keys: list[list[tuple[str, str]]] = [[] for _ in self.titles]
        self.horizontal = [Wanted() for _ in self.titles]
        self.vertical = [Wanted() for _ in self.titles]

    def add(self, item: Marks | Bars | Rule, panel: int = 0) -> None:
        """Add marks, bars or a rule to a panel, counted from 0."""
        if isinstance(item, Marks):
            self.marks[panel].append(item)
        elif isinstance(item, Bars):
            self.bars[panel].append(item)
        else:
            self.rules[panel].append(item)

    def x(self, panel: int | None = None, **wanted: Any) -> None:
        """Set fields of the horizontal `Wanted` of a panel, or of all."""
        _set(self.horizontal, panel, wanted)

    def y(self, panel: int | None = None, **wanted: Any) -> None:
        """Set fields of the vertical `Wanted` of a panel, or of all."""
        _set(self.vertical, panel, wanted)

    def key(self, names: Sequence[str], panel: int) -> None:
        """Name the colours of a panel, in the order of the palette."""
        self.keys[panel] = [(name, color_of(number)) for number, name in enumerate(names)]

    def html(self, name: str) -> Markup:
        """Return the chart as HTML; its id is ``chart-`` and `name`."""
        return render("chart", name=name, columns=self.columns, panels=self.panels(), legend=self.legend())

    def panels(self) -> list[PanelView]:
        """Return the panels that have something to show, with everything in its place."""
        shared = [value for marks in self.marks for each in marks for value in each.y] if self.share_y else None
        return [
            view_of(
                title=title,
                height=self.height,
                marks=self.marks[panel],
                bars=self.bars[panel],
                rules=self.rules[panel],
                key=self.keys[panel],
                horizontal=self.horizontal[panel],
                vertical=self.vertical[panel],
                shared=shared,
            )
            for panel, title in enumerate(self.titles)
            if self.bars[panel] or any(len(each.x) for each in self.marks[panel])
        ]

    def legend(self) -> list[LegendEntry]:
        """Return an entry per name of marks, in order; none without `legend`."""
        return legend_of([each for marks in self.marks for each in marks]) if self.has_legend else []


def _set(axes: list[Wanted], panel: int | None, wanted: dict[str, Any]) -> None:
    for number in range(len(axes)) if panel is None else (panel,):
        axes[number] = replace(axes[number], **wanted)
