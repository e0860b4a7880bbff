"""The sections of a ranking's page that compare the run with its baselines: how well each ranks, and at what cost."""

from collections.abc import Sequence
from typing import Any

from helixnas.artifacts.comparison import Compared, Comparison
from helixnas.artifacts.ranking import Ranking
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import color_of, symbol_of
from helixnas.report.elements.marks import Marks, Rule
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import name_of
from helixnas.report.lab.baseline_text import COLUMNS, COST, accelerators, beyond_proxy, cells_of, title_of


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
        "beyond": beyond_proxy(comparison),
        "accelerators": accelerators(comparison),
    }
    return section(anchor, title_of(comparison), "lab/baselines", **values)


def _chart(comparison: Comparison, scores: Sequence[Compared]) -> Chart:
    """Draw a line per baseline over its cost, a point per score of the run, and a dotted line per size."""
    chart = Chart(height=340)
    curves = comparison.curves()
    for line, (name, points) in enumerate(curves.items()):
        method, _, seed = name.partition(" ")
        shown = " ".join([name_of(method), seed]).strip()
        _add(chart, list(points), shown, color_of(line), line=2, size=6)
    for number, row in enumerate(scores):
        color = color_of(len(curves) + number)
        _add(chart, [row], f"the run: {name_of(row.name)}", color, size=11, symbol=symbol_of(number))
    for row in comparison.rows:
        if row.kind == "size":
            chart.add(Rule(y=row.agreement.kendall, dash="dot", word=name_of(row.name)))
    chart.x(title="core-seconds", from_zero=True)
    chart.y(title="Kendall tau-b")
    return chart


def _add(chart: Chart, rows: Sequence[Compared], name: str, color: str, **style: Any) -> None:
    tau, cost = [row.agreement.kendall for row in rows], [row.core_seconds or 0.0 for row in rows]
    texts = [f"{name}, {seconds:,.0f} core-seconds: {value:.3f}" for seconds, value in zip(cost, tau, strict=True)]
    ends = [row.agreement.kendall_interval for row in rows]
    chart.add(Marks(x=cost, y=tau, color=color, name=name, titles=texts, intervals=ends, **style))
