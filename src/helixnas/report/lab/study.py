"""The page of a study: its variants in one figure and two tables, every score beside the sizes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.files import write_text
from helixnas.artifacts.study import Study
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import INK, PALETTE, QUIET
from helixnas.report.elements.marks import Marks, Rule
from helixnas.report.elements.page import document, section
from helixnas.report.elements.wording import listed, name_of
from helixnas.report.lab.study_text import cells, head, kinds, made, ranked_rows, verdicts

SIZE_MARKERS = {"macs": "circle-open", "params": "square-open", "depth": "diamond-open"}


def build_study_page(study: Study, target: Path, maps: Mapping[str, Sequence[str]] | None = None) -> None:
    """Write the page, whole or not at all; `maps` are figures of feature maps by variant (`maps_figure`)."""
    write_text(target, render_study(study, maps))


def render_study(study: Study, maps: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the page as HTML."""
    beside = f" Benchmark: {study.benchmark}." if study.benchmark else ""
    subtitle = f"{study.description} Base: {study.base}.{beside}"
    figure = {"verdicts": verdicts(study), "chart": _chart(study) if kinds(study) else None}
    counts = [f"{max(own.num_networks for _, own in ranked_rows(study, kind)):,} by {kind}" for kind in kinds(study)]
    titles, *rows = made(study)
    table = {
        "networks": listed(counts) if counts else "",
        "head": head(study),
        "cells": cells(study),
        "titles": titles,
        "rows": rows,
    }
    sections = [
        section("figure", "Summary", "lab/study_figure", study=study, **figure),
        section("table", "Variants", "lab/study_table", study=study, **table),
    ]
    for number, (variant, figures) in enumerate((maps or {}).items(), start=1):
        title = f"Feature maps: {study.axis} {variant}"
        sections.append(section(f"maps-{number}", title, "lab/study_maps", figures=figures))
    return document(f"Study: {study.name}", subtitle, sections)


def _chart(study: Study) -> Chart:
    found = kinds(study)
    titles = [f"against {kind}" for kind in found]
    titles += ["accuracy of the pick without a budget"] if study.benchmark else []
    chart = Chart(titles, height=260)
    for panel, kind in enumerate(found):
        _draw_correlations(chart, panel, study, kind)
        chart.y(panel, title="correlation")
    if any(row.picked is not None for row in study.rows):
        _draw_picks(chart, len(found), study)
    chart.x(title=study.axis, categories=[row.label for row in study.rows])
    return chart


def _draw_correlations(chart: Chart, panel: int, study: Study, kind: str) -> None:
    """Draw the score's tau and partial Spearman correlation with intervals, and the tau of every size without."""
    rows = ranked_rows(study, kind)
    line = 1.5 if study.ordered else 0.0

    def add(name: str, estimates: Sequence[Estimate], color: str, symbol: str, *, interval: bool) -> None:
        values, labels = [each.value for each in estimates], [row for row, _ in rows]
        texts = [f"{name}, {row}: {value:.3f}" for row, value in zip(labels, values, strict=True)]
        ends = [each.interval for each in estimates] if interval else []
        look: dict[str, Any] = {
            "color": color,
            "size": 8,
            "symbol": symbol,
            "name": name,
            "line": line if interval else 0.0,
        }
        chart.add(Marks(x=labels, y=values, titles=texts, intervals=ends, **look), panel)

    add("tau of the score", [own.kendall for _, own in rows], PALETTE[0], "circle", interval=True)
    add("partial Spearman", [own.partial for _, own in rows], PALETTE[1], "diamond", interval=True)
    for size, symbol in SIZE_MARKERS.items():
        add(f"tau of {name_of(size)}", [own.sizes[size] for _, own in rows], QUIET, symbol, interval=False)


def _draw_picks(chart: Chart, panel: int, study: Study) -> None:
    """Draw the trained accuracy of each variant's pick, and the best accuracy there is."""
    rows = [(row.label, row.picked) for row in study.rows if row.picked is not None]
    names, accuracies = [name for name, _ in rows], [100 * each.accuracy for _, each in rows]
    texts = [f"{name}: {value:.2f} %" for name, value in zip(names, accuracies, strict=True)]
    line = 1.5 if study.ordered else 0.0
    chart.add(Marks(x=names, y=accuracies, color=PALETTE[0], size=9, line=line, titles=texts), panel)
    chart.add(Rule(y=100 * rows[0][1].best, color=INK, word="the best there is"), panel)
    chart.y(panel, title="accuracy (%)")
