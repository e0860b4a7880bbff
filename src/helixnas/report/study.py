"""The page of a study: its variants in one table and one figure, the score of each beside what size alone would do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.files import write_text
from helixnas.artifacts.ranking import SIZES
from helixnas.artifacts.study import Ranked, Study, StudyRow
from helixnas.report.charts import INK, PALETTE, QUIET, label, panels, place, to_html
from helixnas.report.markup import Section, duration, figure, listed, missing, paragraph, signed, table
from helixnas.report.naming import figure_text, name_of
from helixnas.report.page import document

STITCHED, TRAINED = "stitched outputs", "trained accuracy"
"""What a score is held against."""

MEANING = (
    "Every variant is a run of its own. Its score is held against the outputs of networks stitched from its own supernet, "
    "which tells whether scores add up and not whether networks train well, so variants are compared in it with care; "
    "with a benchmark, also against accuracies that no variant has a part in. Beside every tau stand those of MACs, "
    "parameters and depth on the same networks: a score that does not beat them says nothing. Intervals (95 %, bootstrap) "
    "cover the luck of which networks are looked at, not that of distilling again."
)
DASHES = {"macs": "circle-open", "params": "square-open", "depth": "diamond-open"}
"""The markers of sizes in the figure."""


def build_study_page(study: Study, target: Path, maps: Mapping[str, Sequence[str]] | None = None) -> None:
    """Write the page, whole or not at all; `maps` are figures of feature maps by variant (`maps_figure`)."""
    write_text(target, render_study(study, maps))


def render_study(study: Study, maps: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the page as HTML."""
    beside = f" Benchmark: {study.benchmark}." if study.benchmark else ""
    subtitle = f"{study.description} Base: {study.base}.{beside}"
    body = "".join(paragraph(sentence) for sentence in verdicts(study)) + paragraph(MEANING)
    sections = [
        Section(anchor="figure", title="Figure", body=body + _figure(study)),
        Section(anchor="table", title="Table", body=_table(study)),
    ]
    sections += [
        Section(anchor=f"maps-{number}", title=f"Feature maps: {study.axis} {variant}", body="".join(figures))
        for number, (variant, figures) in enumerate((maps or {}).items(), start=1)
    ]
    return document(f"Study: {study.name}", subtitle, sections)


def kinds(study: Study) -> tuple[str, ...]:
    """Return what scores are held against in any variant."""
    return tuple(kind for kind in (STITCHED, TRAINED) if any(ranked(row, kind) for row in study.rows))


def ranked(row: StudyRow, kind: str) -> Ranked | None:
    """Return a variant's figures against stitched outputs or trained accuracies; None where there are none."""
    return row.stitched if kind == STITCHED else row.trained


def head(study: Study) -> list[str]:
    """Return the titles of the columns of what scores agree with."""
    sizes = [f"tau of {name_of(name)}" for name in SIZES]
    return [study.axis, "against", "Kendall tau-b", "Spearman", "partial Spearman", *sizes]


def cells(study: Study) -> list[list[str]]:
    """Return that table's rows: per variant, one for each thing that its score is held against."""
    rows: list[list[str]] = []
    for row in study.rows:
        found = [(kind, own) for kind in kinds(study) if (own := ranked(row, kind)) is not None]
        if not found:
            rows.append([row.label, "nothing", *[""] * (len(head(study)) - 2)])
        for kind, own in found:
            texts = [_text(each) for each in (own.kendall, own.spearman, own.partial)]
            rows.append([row.label, kind, *texts, *(_text(own.sizes[name]) for name in SIZES)])
    return rows


def made(study: Study) -> list[list[str]]:
    """Return a table of what each variant is and found, titles first: teacher, network, picks of a benchmark, time."""
    picks = ["pick (%)", "regret (points)"] if study.benchmark else []
    rows = [[study.axis, "chosen network", "run", "its teacher (%)", *picks, "time"]]
    for row in study.rows:
        texts = [] if row.picked is None else [_percent(row.picked.accuracy), _percent(row.picked.regret)]
        texts += [""] * (len(picks) - len(texts))
        rows.append([row.label, row.chosen, row.run, _percent(row.teacher_accuracy), *texts, duration(row.seconds)])
    return rows


def verdicts(study: Study) -> list[str]:
    """Return in words which variant ranks best, whether that is certain, and where size alone does as well."""
    return [sentence for kind in kinds(study) for sentence in _verdict(study, kind)]


def _verdict(study: Study, kind: str) -> list[str]:
    found = [(row.label, own) for row in study.rows if (own := ranked(row, kind)) is not None]
    best, own = max(found, key=lambda pair: pair[1].kendall.value)
    others = [name for name, each in found if name != best and each.kendall.interval[1] >= own.kendall.interval[0]]
    told = f"Against {kind}, {study.axis} {best} has the highest tau, {_text(own.kendall)}"
    told += f"; the intervals of {listed(others)} overlap with its own, so that is not certain." if others else "."
    weak = [
        f"{name} ({name_of(size)} {signed(each.sizes[size].value)})"
        for name, each in found
        if each.sizes[size := max(SIZES, key=lambda size, each=each: each.sizes[size].value)].value
        >= each.kendall.value
    ]
    if weak:
        return [told, f"Against {kind}, size alone ranks at least as well as the score in: {'; '.join(weak)}."]
    return [told]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _text(estimate: Estimate) -> str:
    return figure_text(estimate.value, estimate.interval)


def _figure(study: Study) -> str:
    found = kinds(study)
    if not found:
        return missing("No variant has figures: stitching was left out, and no benchmark was given (--bench FILE).")
    titles = [f"against {kind}" for kind in found]
    titles += ["accuracy of the pick without a budget"] if study.benchmark else []
    chart = panels(titles, columns=1, height=300, legend=True)
    for position, kind in enumerate(found):
        at = place(position, columns=1, number=len(titles))
        _correlations(chart, study, kind, at, legend=position == 0)
        chart.update_yaxes(title_text="correlation", **at)
    if study.benchmark:
        _picks(chart, study, place(len(found), columns=1, number=len(titles)))
    labels = [label(row.label) for row in study.rows]
    chart.update_xaxes(type="category", categoryorder="array", categoryarray=labels)
    chart.update_xaxes(title_text=label(study.axis), row=len(titles), col=1)
    caption = (
        "Kendall tau of the score with its 95 % interval, what it knows beyond size (partial Spearman), and the tau of each "
        "size on the same networks (open marks)."
    )
    if study.benchmark:
        caption += " Below, the trained accuracy of what the search picks, and the best there is (line)."
    return figure(to_html(chart, name="study", description=f"Rank correlations by {study.axis}"), caption)


def _correlations(chart: go.Figure, study: Study, kind: str, at: dict[str, Any], *, legend: bool) -> None:
    rows = [(label(row.label), own) for row in study.rows if (own := ranked(row, kind)) is not None]
    labels = [name for name, _ in rows]
    mode = "lines+markers" if study.ordered else "markers"

    def add(name: str, estimates: Sequence[Estimate], color: str, symbol: str, *, interval: bool) -> None:
        dots = go.Scatter(x=labels, y=[each.value for each in estimates], mode=mode if interval else "markers")
        dots.update(name=label(name), legendgroup=name, showlegend=legend)
        dots.update(marker={"color": color, "size": 8, "symbol": symbol}, line={"color": color, "width": 1.5})
        if interval:
            above = [each.interval[1] - each.value for each in estimates]
            below = [each.value - each.interval[0] for each in estimates]
            dots.update(error_y={"type": "data", "symmetric": False, "array": above, "arrayminus": below, "width": 4})
        chart.add_trace(dots.update(hovertemplate=f"{label(name)}<br>%{{x}}: %{{y:.3f}}<extra></extra>"), **at)

    add("tau of the score", [own.kendall for _, own in rows], PALETTE[0], "circle", interval=True)
    add("partial Spearman", [own.partial for _, own in rows], PALETTE[1], "diamond", interval=True)
    for size, symbol in DASHES.items():
        add(f"tau of {name_of(size)}", [own.sizes[size] for _, own in rows], QUIET, symbol, interval=False)


def _picks(chart: go.Figure, study: Study, at: dict[str, Any]) -> None:
    rows = [(label(row.label), row.picked) for row in study.rows if row.picked is not None]
    dots = go.Scatter(x=[name for name, _ in rows], y=[100 * each.accuracy for _, each in rows], showlegend=False)
    dots.update(mode="lines+markers" if study.ordered else "markers", marker={"color": PALETTE[0], "size": 9})
    chart.add_trace(dots.update(hovertemplate="%{x}: %{y:.2f} %<extra></extra>"), **at)
    chart.add_hline(y=100 * rows[0][1].best, line={"color": INK, "width": 1.2}, **at)
    chart.update_yaxes(title_text="accuracy (%)", **at)


def _table(study: Study) -> str:
    networks = listed(
        [
            f"{max(own.num_networks for row in study.rows if (own := ranked(row, kind)) is not None):,} by {kind}"
            for kind in kinds(study)
        ]
    )
    caption = (
        f"Networks per variant: {networks}. Positive where a lower score, or a larger size, goes with what is better."
    )
    legend = "What each variant's search chose, and the accuracy of its teacher on the evaluation images, where it was measured. "
    if study.benchmark:
        legend += (
            "Pick: trained accuracy of what the search picks out of the benchmark without a budget; regret: by how much picks "
            "fall short of the best, mean over ten budgets. "
        )
    legend += (
        "Time is that of all stages up to the search, also of those that another variant had made; of a distillation that "
        "went on from another's, it is that of the rest."
    )
    titles, *rows = made(study)
    return table(head(study), cells(study), caption=caption, numeric=2) + table(titles, rows, caption=legend, numeric=3)
