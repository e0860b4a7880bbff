"""The distribution of local scores per block, such as Eq. 7, with the paths that the searches chose."""

from typing import Any

import numpy as np

from helixnas.artifacts.rating_table import RatingTable
from helixnas.errors import ArtifactError
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import INK, color_of, symbol_of
from helixnas.report.elements.marks import Bars, Marks, Rule
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import interval_text, name_of, signed
from helixnas.report.reading import RunFiles
from helixnas.report.run.evidence import Found, evidence_rows
from helixnas.report.run.path_curves import MOST_LINES, path_curves
from helixnas.search import Tables
from helixnas.search.evidence import agreement_of_moments, evidence_beyond_size
from helixnas.space import SearchSpace

NUM_BINS = 40


def scores_section(run: RunFiles) -> Section | None:
    """Return histograms of the ratings; None before the first."""
    if not run.ratings:
        return None
    values = {
        "num_rows": sum(len(table) for table in run.ratings),
        "num_paths": sum(len(set(table.path)) for table in run.ratings),
        "batch_sizes": run.ratings[0].batch_sizes,
        "score": _score_of(run.ratings[0]),
        "chart": _histograms(run),
        "moments": _moments(run),
        "curves": path_curves(run),
        "most_lines": MOST_LINES,
        "evidence": [] if run.tables is None or run.space is None else evidence_rows(_evidence(run.tables, run.space)),
    }
    return section("scores", "Scores of all paths", "run/scores", run=run, **values)


def _moments(run: RunFiles) -> list[list[str]]:
    """Return per moment of distillation how its score agrees with that of the one before; none where there is one moment only."""
    if run.tables is None or run.space is None or not run.moments:
        return []
    score, number = next(iter(run.ratings[0].scores)), len(run.moments)
    tables = [Tables(ratings=each, costs=run.tables.costs) for each in run.moments]
    rows = [[f"1/{2 ** (number - 1)}", "", ""]]
    for place in range(1, number):
        found = agreement_of_moments(tables[place - 1], tables[place], score, run.space)
        share = f"1/{2 ** (number - 1 - place)}" if place < number - 1 else "all"
        rows.append([share, signed(found.value), interval_text(found.interval)])
    return rows


def _evidence(tables: Tables, space: SearchSpace) -> Found:
    try:
        return evidence_beyond_size(tables, space)
    except ArtifactError:  # stages are of different spaces for now
        return {}


def _score_of(table: RatingTable) -> str:
    """Return the display name of the score that searches add up, the first."""
    return name_of(next(iter(table.scores)))


def _histograms(run: RunFiles) -> Chart:
    chart = Chart([f"Block {table.block}" for table in run.ratings], columns=3, height=190)
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
        below = np.zeros(len(edges) - 1, np.int64)
        for cell, key in enumerate(cells):
            counts = np.histogram(score[[other == key for other in keys]], edges)[0]
            texts = [f"{names[cell]}: {number} paths" for number in counts]
            ends: dict[str, Any] = {"bottom": below.tolist(), "top": (below + counts).tolist()}
            chart.add(Bars(edges=edges.tolist(), color=color_of(cell), titles=texts, **ends), panel)
            below = below + counts
        chart.key(names, panel)
        for number, (search, scores) in enumerate(zip(run.searches, chosen, strict=True)):
            if scores:
                _mark(chart, panel, number, search.name, scores[panel], tallest)
        chart.x(panel, title=_score_of(table), most_ticks=4)
        chart.y(panel, title="paths", range=(0, tallest * 1.4))
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
    chart.add(Rule(x=score, color=INK, dash="dot"), panel)
    tip: dict[str, Any] = {"symbol": symbol_of(number), "size": 11, "name": f"chosen by search {search}"}
    chart.add(Marks(x=[score], y=[top], color=INK, titles=[f"{search}: {score:.4f}"], **tip), panel)
