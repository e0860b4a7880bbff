"""The Pareto front of every search, with its choice and its limit."""

from typing import Any

from helixnas.report.elements.charts import GREY, INK, PALETTE, QUIET, Chart, label, scatter, symbol_of
from helixnas.report.elements.page import Section, section
from helixnas.report.reading import RunFiles, Search
from helixnas.report.run.summary import limits_text

AXES = {"macs": ("multiply-adds", 1), "params": ("parameters", 1), "latency_ns": ("latency in milliseconds", 10**6)}
"""Per resource, the title of its axis, and how many of its units one unit of the axis has."""


def front_section(run: RunFiles) -> Section:
    """Return summed score against cost for every search."""
    values = {
        "chart": _fronts(run) if run.searches else None,
        "has_dots_only": any(len(search.found.front_over) > 1 for search in run.searches),
        "has_cloud": bool(run.stitching and run.stitching["architectures"])
        and not any(search.weighted for search in run.searches),
    }
    return section("front", "Score against cost", "run/front", run=run, **values)


def _fronts(run: RunFiles) -> Chart:
    titles = [f"{search.name} (limits: {limits_text(search)})" for search in run.searches]
    comparable = not any(search.weighted for search in run.searches)
    chart = Chart(titles, columns=2, height=270, legend=True, share_y=comparable)
    for panel, search in enumerate(run.searches):
        resource = search.found.front_over[0]
        title, unit = AXES.get(resource, (label(resource), 1))
        if run.stitching and not search.weighted:
            rows = [row for row in run.stitching["architectures"] if resource in row]
            x, y = [row[resource] / unit for row in rows], [row["score"] for row in rows]
            grey: dict[str, Any] = {"marker": {"color": GREY, "size": 5}, "showlegend": panel == 0}
            grey["name"] = "random networks"
            chart.add(scatter(x, y, "markers", **grey), panel)
        _draw_front(chart, panel, search, unit)
        choice = {"marker": {"symbol": symbol_of(panel), "size": 13, "color": INK}, "showlegend": True}
        choice |= {"name": label(f"choice of {search.name}")}
        cost, upper = search.found.costs[resource] / unit, search.found.upper
        hover = "choice<br>%{x:,}, %{y:.5f}"
        chart.add(scatter([cost], [search.found.score], "markers", hover=hover, **choice), panel)
        if resource in upper:
            chart.rule(panel, x=upper[resource] / unit, line={"color": QUIET, "dash": "dash", "width": 1.2})
        chart.x(panel, title_text=title)
        chart.y(panel, title_text="summed score")
    return chart


def _draw_front(chart: Chart, panel: int, search: Search, unit: int) -> None:
    """Draw the front over its first resource; over several resources the dots are not connected."""
    cost = search.front.resources[search.found.front_over[0]]
    order = cost.argsort()
    mode = "lines+markers" if len(search.found.front_over) == 1 else "markers"
    line: dict[str, Any] = {"line": {"color": PALETTE[0], "width": 1.2, "shape": "hv"}, "marker": {"size": 5}}
    line |= {"name": "front", "showlegend": panel == 0}
    line |= {"customdata": [label(search.front.architecture[i]) for i in order]}
    hover = "%{customdata}<br>%{x:,}, %{y:.5f}"
    chart.add(scatter(cost[order] / unit, search.front.score[order], mode, hover=hover, **line), panel)
