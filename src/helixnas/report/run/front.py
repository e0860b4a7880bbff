"""The Pareto front of every search, with its choice and its limit."""

from typing import Any

from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import GREY, INK, PALETTE, QUIET, symbol_of
from helixnas.report.elements.marks import Marks, Rule
from helixnas.report.elements.page import Section, section
from helixnas.report.reading import RunFiles, Search
from helixnas.report.run.summary import limits_text

AXES = {"macs": ("multiply-adds", 1), "params": ("parameters", 1), "latency_ns": ("latency in milliseconds", 10**6)}
"""Per resource, the title of its axis, and how many of its units one unit of the axis has."""


def front_section(run: RunFiles) -> Section | None:
    """Return summed score against cost for every search; None before the first."""
    if not run.searches:
        return None
    values = {
        "chart": _fronts(run),
        "has_dots_only": any(len(search.found.front_over) > 1 for search in run.searches),
        "has_cloud": bool(run.stitching and run.stitching["architectures"])
        and not any(search.weighted for search in run.searches),
    }
    return section("front", "Score against cost", "run/front", run=run, **values)


def _fronts(run: RunFiles) -> Chart:
    titles = [f"{search.name} (limits: {limits_text(search)})" for search in run.searches]
    comparable = not any(search.weighted for search in run.searches)
    chart = Chart(titles, columns=2, height=270, share_y=comparable)
    for panel, search in enumerate(run.searches):
        resource = search.found.front_over[0]
        title, unit = AXES.get(resource, (resource, 1))
        if run.stitching and not search.weighted:
            rows = [row for row in run.stitching["architectures"] if resource in row]
            x, y = [row[resource] / unit for row in rows], [row["score"] for row in rows]
            chart.add(Marks(x=x, y=y, color=GREY, size=5, name="random networks"), panel)
        chart.add(_front(search, unit), panel)
        cost, upper = search.found.costs[resource] / unit, search.found.upper
        text = f"choice: {cost:,}, {search.found.score:.5f}"
        choice: dict[str, Any] = {
            "symbol": symbol_of(panel),
            "size": 14,
            "name": f"choice of {search.name}",
            "titles": [text],
        }
        chart.add(Marks(x=[cost], y=[search.found.score], color=INK, **choice), panel)
        if resource in upper:
            chart.add(Rule(x=upper[resource] / unit, color=QUIET, dash="dash"), panel)
        chart.x(panel, title=title)
        chart.y(panel, title="summed score")
    return chart


def _front(search: Search, unit: int) -> Marks:
    """Return the front over its first resource; over several resources the dots are not connected."""
    cost = search.front.resources[search.found.front_over[0]]
    order = cost.argsort().tolist()
    x, y = [float(cost[i]) / unit for i in order], [float(search.front.score[i]) for i in order]
    texts = [f"{search.front.architecture[i]}: {a:,.10g}, {b:.5f}" for i, a, b in zip(order, x, y, strict=True)]
    line = 1.2 if len(search.found.front_over) == 1 else 0.0
    return Marks(x=x, y=y, color=PALETTE[0], line=line, is_staircase=True, size=5, name="front", titles=texts)
