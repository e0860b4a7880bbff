"""The distribution of local scores per block (Eq. 7), and where the chosen paths stand in it."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from helixnas.artifacts import RatingTable
from helixnas.report.charts import INK, color_of, label, panels, place, symbol_of, to_html
from helixnas.report.losses import cell_names
from helixnas.report.markup import Section, figure, missing, paragraph
from helixnas.report.reading import RunFiles

NUM_BINS = 40


def scores_section(run: RunFiles) -> Section:
    """Return the section of the ratings, or of what is missing."""
    title = "Scores of all paths"
    if not run.ratings:
        note = missing(f"No path is rated yet; continue with: helixnas rate {run.folder}")
        return Section(anchor="scores", title=title, body=note)
    images = int(run.ratings[0].batch_sizes.sum())
    rows = sum(len(table) for table in run.ratings)
    paths = sum(len(set(table.path)) for table in run.ratings)
    intro = (
        f"{paths:,} paths in {len(run.ratings)} blocks were rated on {images:,} held-out images in "
        f"{len(run.ratings[0].batch_sizes)} batches"
    )
    intro += f"; with every width a path may receive, that makes {rows:,} scores." if rows > paths else "."
    chart = to_html(_histograms(run), name="scores", description="Histogram of the scores of every block's paths")
    caption = (
        "Each bar counts paths, once for every width they may receive, by their relative L1 error (Eq. 7, no unit): "
        "left is better. Colours tell cells apart; a marker shows the path that a search chose, which need not be the "
        "leftmost of its block, because budgets are shared between blocks and widths must fit."
    )
    return Section(anchor="scores", title=title, body=paragraph(intro) + figure(chart, caption))


def cell_keys(table: RatingTable) -> list[tuple[int, int]]:
    """Return (width, depth) per row: what tells the cells of a block apart.

    >>> cell_keys(
    ...     RatingTable(
    ...         block=1,
    ...         previous_width=np.array([16]),
    ...         path=("24:mb3_k3,mb3_k5",),
    ...         width=np.array([24]),
    ...         batch_sizes=np.array([1]),
    ...         scores={"relative_l1": np.array([[0.5]])},
    ...     )
    ... )
    [(24, 2)]
    """
    return [(int(width), path.count(",") + 1) for width, path in zip(table.width, table.path, strict=True)]


def _histograms(run: RunFiles) -> go.Figure:
    tables, columns = run.ratings, 3
    chart = panels([f"Block {table.block}" for table in tables], columns=columns, height=200, legend=True)
    chosen = _chosen_scores(run)
    for position, table in enumerate(tables):
        at = place(position, columns=columns, number=len(tables))
        score, keys = table.mean(), cell_keys(table)
        edges = np.histogram_bin_edges(score, bins=NUM_BINS if len(table) > 400 else 20)
        cells = list(dict.fromkeys(keys))
        names = cell_names(run, table.block)
        tallest = int(np.histogram(score, edges)[0].max())
        for cell, key in enumerate(cells):
            counts = np.histogram(score[[other == key for other in keys]], edges)[0]
            name = names[cell] if len(names) == len(cells) else f"{key[0]} channels, {key[1]} layers"
            bars = go.Bar(x=(edges[1:] + edges[:-1]) / 2, y=counts, width=np.diff(edges), marker_color=color_of(cell))
            hover = f"{label(name)}<br>%{{y}} paths near %{{x:.4f}}<extra></extra>"
            chart.add_trace(bars.update(hovertemplate=hover, showlegend=False, opacity=0.8), **at)
        _key(chart, [names[c] if len(names) == len(cells) else f"{k[0]} ch, {k[1]} l" for c, k in enumerate(cells)], at)
        _mark(chart, run, chosen, position, tallest, at)
        chart.update_xaxes(title_text="relative L1 error", nticks=6, **at)
        chart.update_yaxes(title_text="paths" if at["col"] == 1 else None, range=[0, tallest * 1.75], **at)
    return chart.update_layout(barmode="stack", bargap=0)


def _chosen_scores(run: RunFiles) -> list[list[float]]:
    """Return, per search and block, the score of the chosen path after the width chosen before it."""
    found: list[list[float]] = []
    for search in run.searches:
        previous, scores = int(run.ratings[0].previous_width[0]), list[float]()
        if len(search.architecture.paths) == len(run.ratings):
            if search.architecture.stem:
                previous = search.architecture.stem[-1].path.width
            for table, path in zip(run.ratings, search.architecture.paths, strict=True):
                scores.append(float(table.mean()[table.row(previous, path.text)]))
                previous = path.width
        found.append(scores)
    return found


def _mark(
    chart: go.Figure, run: RunFiles, chosen: list[list[float]], position: int, tallest: int, at: dict[str, Any]
) -> None:
    """Draw a marker on a stem for every search, one above the other so that equal choices stay visible."""
    for number, (search, scores) in enumerate(zip(run.searches, chosen, strict=True)):
        if not scores:
            continue
        top = tallest * (1.05 + 0.08 * (number % 4))
        stick = go.Scatter(x=[scores[position]] * 2, y=[0, top], mode="lines", hoverinfo="skip", showlegend=False)
        chart.add_trace(stick.update(line={"color": INK, "width": 1, "dash": "dot"}), **at)
        tip = go.Scatter(x=[scores[position]], y=[top], mode="markers", showlegend=position == 0)
        tip.update(marker={"symbol": symbol_of(number), "size": 10, "color": INK}, opacity=1)
        tip.update(name=label(f"chosen by search {search.name}"), legendgroup=search.name)
        chart.add_trace(tip.update(hovertemplate=f"{label(search.name)}: {scores[position]:.4f}<extra></extra>"), **at)


def _key(chart: go.Figure, names: list[str], at: dict[str, Any]) -> None:
    words = "<br>".join(
        f'<span style="color:{color_of(c)}">\u25a0 {label(name)}</span>' for c, name in enumerate(names)
    )
    chart.add_annotation(
        text=words,
        xref="x domain",
        yref="y domain",
        x=1,
        y=1,
        xanchor="right",
        yanchor="top",
        align="left",
        showarrow=False,
        font={"size": 11},
        **at,
    )
