"""The page of generations: Table 5 and Fig. 3 of the paper for one's own search, and what changed between winners."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from helixnas.artifacts.agreement import Interval
from helixnas.artifacts.files import write_text
from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder
from helixnas.report.build import build_report
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import PALETTE, QUIET
from helixnas.report.elements.drawing import draw, legend, operations_of
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.page import Section, document, section
from helixnas.report.elements.wording import name_of
from helixnas.report.generations.text import (
    HEAD,
    TITLES,
    changes,
    cost_text,
    ranked_head,
    ranked_rows,
    rows,
    verdicts,
)
from helixnas.report.reading import read_run
from helixnas.space import Architecture

SIZE_MARKERS = {"macs": "circle-open", "params": "square-open", "depth": "diamond-open"}


@dataclass(frozen=True, kw_only=True)
class Winner:
    """The network that a generation chose, to be drawn."""

    generation: Generation
    drawing: Markup
    changes: Sequence[str]
    """What changed since the generation before."""

    accuracy: str
    """After retraining; empty where it was not retrained."""


def build_generations_page(out: LineageFolder) -> Path:
    """Write the page that compares generations, and the report of each, and return the path of the page.

    Raises `ArtifactError` if there are none, one of their files is damaged, or a page cannot be written.
    """
    lineage, runs = out.load(), [folder.path for folder in out.runs()]
    for run in runs:
        build_report(run)
    write_text(out.report, render_generations(lineage, runs[: len(lineage.generations)]))
    return out.report


def render_generations(lineage: Lineage, runs: Sequence[Path]) -> str:
    """Return the page as HTML."""
    found = [_found(run, lineage.search) for run in runs]
    networks = [network for network, _ in found]
    winners: list[Winner] = []
    for number, (one, (network, accuracy)) in enumerate(zip(lineage.generations, found, strict=True)):
        drawing = draw(network, networks, name=f"of generation {one.number}")
        changed = changes(networks[number - 1], network) if number else []
        winners.append(Winner(generation=one, drawing=drawing, changes=changed, accuracy=accuracy))
    sections = [_summary(lineage), *_figures(lineage)]
    sections.append(
        section("winners", "The winners", "generations/winners", key=legend(operations_of(networks)), winners=winners)
    )
    return document(f"HelixNAS: {lineage.recipe}", f"{len(lineage.generations)} generations of teachers.", sections)


def _found(run: Path, search: str) -> tuple[Architecture, str]:
    """Return the network that a run chose, and its accuracy if it was retrained."""
    own = next(each for each in read_run(run).searches if each.name == search)
    accuracy = (own.metrics or own.inherited).get("accuracy")
    return own.architecture, "" if accuracy is None else f"{100 * accuracy:.2f} %"


def _summary(lineage: Lineage) -> Section:
    head, cells = [*HEAD], rows(lineage)
    links = [(one.number, f"{one.run}/report.html") for one in lineage.generations]
    texts = {"verdicts": verdicts(lineage), "cost": cost_text(lineage)}
    return section("summary", "Summary", "generations/summary", head=head, rows=cells, links=links, **texts)


def _figures(lineage: Lineage) -> list[Section]:
    if len(lineage.generations) < 2:
        return []
    table = {"head": ranked_head(), "rows": ranked_rows(lineage)}
    return [section("figures", "By generation", "generations/figures", chart=_chart(lineage), **table)]


def _chart(lineage: Lineage) -> Chart:
    """Return accuracies by generation above, correlations below."""
    checks = [one.quality for one in lineage.generations if one.quality is not None]
    is_accuracy = bool(checks) and checks[0].check != "stitching"
    chart = Chart(["accuracy (%)", "rank correlation"], height=240, columns=2)
    numbers = [one.number for one in lineage.generations]

    def add(panel: int, name: str, values: Sequence[float | None], color: str, symbol: str, **style: Any) -> None:
        shown = [(number, value) for number, value in zip(numbers, values, strict=True) if value is not None]
        if shown:
            texts = [f"{name}, generation {number}: {value:.3f}" for number, value in shown]
            look: dict[str, Any] = {
                "color": color,
                "line": 1.5,
                "size": 8,
                "symbol": symbol,
                "name": name,
                "titles": texts,
            }
            xs, ys = [number for number, _ in shown], [value for _, value in shown]
            chart.add(Marks(x=xs, y=ys, **look, **style), panel)

    teachers = [_percent(one.teacher_accuracy) for one in lineage.generations]
    add(0, "teacher, evaluation images", teachers, PALETTE[1], "square")
    if is_accuracy:
        values = [None if one.quality is None else 100 * one.quality.value for one in lineage.generations]
        intervals = [one.quality.interval for one in lineage.generations if one.quality is not None]
        bars = _bars([value for value in values if value is not None], intervals)
        add(0, TITLES[checks[0].check], values, PALETTE[0], "circle", **bars)
    between = [None if one.agreement is None else one.agreement.value for one in lineage.generations]
    add(1, "scores, with the generation before", between, PALETTE[2], "triangle")
    for name, kind, color in (("benchmark", "trained", PALETTE[0]), ("stitched networks", "stitched", PALETTE[1])):
        _add_ranked(add, lineage, name, kind, color)
    chart.x(
        title="generation",
        ticks={number: str(number) for number in numbers},
        range=(numbers[0] - 0.3, numbers[-1] + 0.3),
    )
    return chart


def _add_ranked(add: Any, lineage: Lineage, name: str, kind: str, color: str) -> None:
    """Draw the tau of scores against one reference, and the tau of every size on the same networks."""
    found = [getattr(one, kind) for one in lineage.generations]
    ranked = [each for each in found if each is not None]
    if not ranked:
        return
    bars = _bars([each.kendall.value for each in ranked], [each.kendall.interval for each in ranked], scale=1)
    values = [None if each is None else each.kendall.value for each in found]
    add(1, f"scores, with {name}", values, color, "circle", **bars)
    if kind == "trained" or all(one.trained is None for one in lineage.generations):
        for size, symbol in SIZE_MARKERS.items():
            sizes = [None if each is None else each.sizes[size].value for each in found]
            add(1, f"{name_of(size)}, with {name}", sizes, QUIET, symbol)


def _bars(values: Sequence[float], intervals: Sequence[Interval | None], scale: int = 100) -> dict[str, Any]:
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(values):
        return {}
    return {"intervals": [(scale * low, scale * high) for low, high in known]}


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
