"""The part of a ranking's page that holds the run against its baselines: how well each ranks, and what it cost."""

import plotly.graph_objects as go

from helixnas.artifacts.comparison import Compared, Comparison
from helixnas.artifacts.ranking import Ranking
from helixnas.report.charts import INK, QUIET, color_of, label, style, symbol_of, to_html
from helixnas.report.markup import Section, figure, paragraph, table
from helixnas.report.naming import figure_text, name_of

COLUMNS = (
    "what ranks",
    "epochs",
    "images seen",
    "core-seconds",
    "Kendall tau-b",
    "Spearman",
    "Pearson",
    "Spearman given size",
)
"""Heads of the table on the page."""

COST = (
    "Images seen are training images, repeats counted, the teacher's included for the run; core-seconds are processor time "
    "(user and system) of training, the teacher's included, and of one rating."
)
"""How cost is counted, in words."""


def baselines_sections(ranking: Ranking) -> list[Section]:
    """Return a section per set of networks that baselines rated; none where there are no baselines."""
    return [_section(each, position) for position, each in enumerate(ranking.baselines)]


def cells_of(row: Compared) -> list[str]:
    """Return a row of the table as texts, in the order of `COLUMNS`."""
    found = row.agreement
    seed = "" if row.seed is None else f", seed {row.seed}"
    return [
        f"{name_of(row.name)}{seed}",
        "" if row.epoch is None else f"{row.epoch:.3g}",
        _count(row.images_seen),
        _count(row.core_seconds),
        figure_text(found.kendall, found.kendall_interval),
        figure_text(found.spearman, found.spearman_interval),
        figure_text(found.pearson, found.pearson_interval),
        "" if row.kind == "size" else figure_text(row.partial.value, row.partial.interval),
    ]


def title_of(comparison: Comparison) -> str:
    """Return what the comparison is called.

    >>> title_of(Comparison(networks=("a", "b"), rows=()))
    'Baselines on 2 networks'
    """
    return f"Baselines on {len(comparison.networks):,} networks"


def accelerators(comparison: Comparison) -> str:
    """Return a sentence where something was not computed by the processor alone; else an empty text."""
    devices = sorted({row.device for row in comparison.rows if row.device not in (None, "cpu")}, key=str)
    return f"On {' and '.join(map(str, devices))}, core-seconds tell only what the processor did." if devices else ""


def _count(value: int | float | None) -> str:
    return "not recorded" if value is None else f"{value:,.0f}"


def _section(comparison: Comparison, position: int) -> Section:
    number = len(comparison.networks)
    body = paragraph(
        f"All rows rank the same {number:,} networks, drawn evenly from the different ones of the benchmark, so the "
        "run's figures differ a little from those on all networks."
    )
    body += _chart(comparison, position)
    body += table(
        list(COLUMNS),
        [cells_of(row) for row in comparison.rows],
        caption=f"Correlation with the mean accuracy, with 95 % intervals by bootstrap over networks. {COST}",
    )
    if told := accelerators(comparison):
        body += paragraph(told)
    anchor = "baselines" if position == 0 else f"baselines-{position + 1}"
    return Section(anchor=anchor, title=title_of(comparison), body=body)


def _chart(comparison: Comparison, position: int) -> str:
    chart = style(go.Figure(), height=420, top=16, bottom=86).update_layout(showlegend=True)
    curves = comparison.curves()
    for line, (name, points) in enumerate(curves.items()):
        method, _, seed = name.partition(" ")
        shown = label(" ".join([name_of(method), seed]).strip())
        _add(chart, list(points), shown, color_of(line), "lines+markers", "circle")
    scores = [row for row in comparison.rows if row.kind == "score" and row.core_seconds is not None]
    for number, row in enumerate(scores):
        shown = label(f"the run: {name_of(row.name)}")
        _add(chart, [row], shown, color_of(len(curves) + number), "markers", symbol_of(number))
    for row in comparison.rows:
        if row.kind == "size":
            text = {"text": label(name_of(row.name)), "font": {"size": 11, "color": QUIET}}
            chart.add_hline(y=row.agreement.kendall, line={"color": QUIET, "width": 1, "dash": "dot"}, label=text)
    chart.update_xaxes(title_text="core-seconds", rangemode="tozero")
    chart.update_yaxes(title_text="Kendall tau-b")
    caption = (
        "How well each method ranks over what it has cost so far; a line per baseline, whiskers are 95 % intervals. Dotted lines "
        "are sizes alone, which cost nothing."
    )
    if not scores:
        caption += " The run's scores are not drawn, because the processor time of its stages is not recorded."
    name = "baselines" if position == 0 else f"baselines_{position + 1}"
    return figure(to_html(chart, name=name, description="Kendall tau over core-seconds, a line per baseline"), caption)


def _add(chart: go.Figure, rows: list[Compared], name: str, color: str, mode: str, symbol: str) -> None:
    tau = [row.agreement.kendall for row in rows]
    ends = [row.agreement.kendall_interval for row in rows]
    dots = go.Scatter(x=[row.core_seconds for row in rows], y=tau, mode=mode, name=name)
    dots.update(
        line={"color": color, "width": 2},
        marker={
            "size": 6 if "lines" in mode else 11,
            "symbol": symbol,
            "color": color,
            "line": {"color": INK, "width": 0},
        },
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [high - value for (_, high), value in zip(ends, tau, strict=True)],
            "arrayminus": [value - low for (low, _), value in zip(ends, tau, strict=True)],
            "thickness": 1,
            "width": 3,
            "color": color,
        },
        hovertemplate=f"{name}<br>%{{x:,.0f}} core-seconds: %{{y:.3f}}<extra></extra>",
    )
    chart.add_trace(dots)
