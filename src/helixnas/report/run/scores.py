"""The distribution of local scores per block, such as Eq. 7, with the paths that the searches chose."""

from typing import Any

import numpy as np

from helixnas.artifacts.rating_table import RatingTable
from helixnas.report.elements.charts import INK, Chart, color_of, label, scatter, symbol_of
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import name_of
from helixnas.report.reading import RunFiles

NUM_BINS = 40


def scores_section(run: RunFiles) -> Section:
    """Return histograms of the ratings, or what is missing."""
    values = {
        "num_rows": sum(len(table) for table in run.ratings),
        "num_paths": sum(len(set(table.path)) for table in run.ratings),
        "batch_sizes": run.ratings[0].batch_sizes if run.ratings else (),
        "score": _score_of(run.ratings[0]) if run.ratings else "",
        "chart": _histograms(run) if run.ratings else None,
    }
    return section("scores", "Scores of all paths", "run/scores", run=run, **values)


def _score_of(table: RatingTable) -> str:
    """Return the display name of the score that searches add up, the first."""
    return name_of(next(iter(table.scores)))


def _histograms(run: RunFiles) -> Chart:
    chart = Chart([f"Block {table.block}" for table in run.ratings], columns=3, height=200, legend=True)
    chosen = _chosen_scores(run)
    for panel, table in enumerate(run.ratings):
        score = table.mean()
        keys = [(int(width), path.count(",") + 1) for width, path in zip(table.width, table.path, strict=True)]
        edges = np.histogram_bin_edges(score, bins=NUM_BINS if len(table) > 400 else 20)
        cells = list(dict.fromkeys(keys))
        names = run.cell_names(table.block)
        if len(names) != len(cells):
            names = [f"{width} channels, {depth} layers" for width, depth in cells]
        tallest = int(np.histogram(score, edges)[0].max())
        for cell, key in enumerate(cells):
            counts = np.histogram(score[[other == key for other in keys]], edges)[0]
            bars = {"type": "bar", "x": (edges[1:] + edges[:-1]) / 2, "y": counts, "width": np.diff(edges)}
            bars |= {"marker": {"color": color_of(cell)}, "opacity": 0.8, "showlegend": False}
            hover = f"{label(names[cell])}<br>%{{y}} paths near %{{x:.4f}}<extra></extra>"
            chart.add({**bars, "hovertemplate": hover}, panel)
        chart.key(names, panel, "\u25a0")
        for number, (search, scores) in enumerate(zip(run.searches, chosen, strict=True)):
            if scores:
                _mark(chart, panel, number, search.name, scores[panel], tallest)
        chart.x(panel, title_text=_score_of(table), nticks=6)
        chart.y(panel, title_text="paths", range=[0, tallest * 1.75])
    chart.figure.update_layout(barmode="stack", bargap=0)
    return chart


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


def _mark(chart: Chart, panel: int, number: int, search: str, score: float, tallest: int) -> None:
    """Draw a marker on a stem for a search, each higher than the last so that equal choices stay visible."""
    top = tallest * (1.05 + 0.08 * (number % 4))
    stem: dict[str, Any] = {"line": {"color": INK, "width": 1, "dash": "dot"}, "showlegend": False}
    chart.add(scatter([score, score], [0, top], "lines", **stem), panel)
    tip: dict[str, Any] = {"marker": {"symbol": symbol_of(number), "size": 10, "color": INK}, "opacity": 1}
    tip |= {"name": label(f"chosen by search {search}"), "legendgroup": search, "showlegend": panel == 0}
    chart.add(scatter([score], [top], "markers", hover=f"{label(search)}: {score:.4f}", **tip), panel)
