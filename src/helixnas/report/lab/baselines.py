"""The sections of a ranking's page that compare the run with its baselines: how well each ranks, and at what cost."""

from collections.abc import Sequence

from helixnas.artifacts.comparison import Compared, Comparison
from helixnas.artifacts.ranking import Ranking
from helixnas.report.elements.charts import QUIET, Chart, color_of, label, scatter, symbol_of, whiskers
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import name_of
from helixnas.report.lab.baseline_text import COLUMNS, COST, accelerators, cells_of, title_of


def baselines_sections(ranking: Ranking) -> list[Section]:
    """Return a section per set of networks that baselines rated; none where there are no baselines."""
    return [_section(each, position) for position, each in enumerate(ranking.baselines)]


def _section(comparison: Comparison, position: int) -> Section:
    scores = [row for row in comparison.rows if row.kind == "score" and row.core_seconds is not None]
    anchor = "baselines" if position == 0 else f"baselines-{position + 1}"
    values = {
        "num_networks": len(comparison.networks),
        "chart": _chart(comparison, scores),
        "name": anchor.replace("-", "_"),
        "has_scores": bool(scores),
        "columns": COLUMNS,
        "rows": [cells_of(row) for row in comparison.rows],
        "cost": COST,
        "accelerators": accelerators(comparison),
    }
    return section(anchor, title_of(comparison), "lab/baselines", **values)


def _chart(comparison: Comparison, scores: Sequence[Compared]) -> Chart:
    """Draw a line per baseline over its cost, a point per score of the run, and a dotted line per size."""
    chart = Chart(height=420, legend=True)
    curves = comparison.curves()
    for line, (name, points) in enumerate(curves.items()):
        method, _, seed = name.partition(" ")
        shown = label(" ".join([name_of(method), seed]).strip())
        _add(chart, list(points), shown, color_of(line), "lines+markers", {"size": 6, "symbol": "circle"})
    for number, row in enumerate(scores):
        marker = {"size": 11, "symbol": symbol_of(number)}
        _add(chart, [row], label(f"the run: {name_of(row.name)}"), color_of(len(curves) + number), "markers", marker)
    for row in comparison.rows:
        if row.kind == "size":
            text = {"text": label(name_of(row.name)), "font": {"size": 11, "color": QUIET}}
            chart.rule(y=row.agreement.kendall, line={"color": QUIET, "width": 1, "dash": "dot"}, label=text)
    chart.x(title_text="core-seconds", rangemode="tozero")
    chart.y(title_text="Kendall tau-b")
    return chart


def _add(
    chart: Chart, rows: Sequence[Compared], name: str, color: str, mode: str, marker: dict[str, int | str]
) -> None:
    tau = [row.agreement.kendall for row in rows]
    bars = whiskers(tau, [row.agreement.kendall_interval for row in rows], thickness=1, width=3, color=color)
    style = {"name": name, "line": {"color": color, "width": 2}, "marker": {**marker, "color": color}}
    hover = f"{name}<br>%{{x:,.0f}} core-seconds: %{{y:.3f}}"
    chart.add(scatter([row.core_seconds for row in rows], tau, mode, hover=hover, error_y=bars, **style))
