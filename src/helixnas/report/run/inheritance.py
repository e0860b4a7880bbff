"""Inherited weights: fine-tuning from the supernet's weights beside training from scratch."""

from collections.abc import Sequence
from typing import Any

from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import color_of
from helixnas.report.elements.intervals import accuracy_texts
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.page import Section, section
from helixnas.report.reading import RunFiles, Search

WAYS = ("from scratch", "inherited weights")


def inheritance_section(run: RunFiles) -> Section | None:
    """Return accuracies and curves of both ways of training; None where no network inherited weights."""
    chosen = [search for search in run.searches if search.inherited]
    if not chosen:
        return None
    rows = [row for search in chosen for row in _rows(search)]
    sentences = [sentence for search in chosen if (sentence := ratio_text(search))]
    chart = _chart(chosen) if any(_curve(search, way) for search in chosen for way in WAYS) else None
    values = {"rows": rows, "sentences": sentences, "chart": chart}
    return section("inheritance", "Inherited weights", "run/inheritance", **values)


def ratio_text(search: Search) -> str:
    """Return after how many epochs fine-tuning reaches what training from scratch reaches; empty where not both ran."""
    scratch, inherited = (_curve(search, way) for way in WAYS)
    if not scratch or not inherited:
        return ""
    reached = next((epoch for epoch, value in enumerate(inherited, start=1) if value >= scratch[-1]), None)
    target = f"the {100 * scratch[-1]:.1f} % that {len(scratch)} epochs from scratch reach"
    if reached is None:
        return (
            f"{search.name}: {len(inherited)} epochs of fine-tuning end at {100 * inherited[-1]:.1f} %, below {target}."
        )
    share = 100 * reached / len(scratch)
    return f"{search.name}: fine-tuning reaches {target} after {reached} ({share:.0f} % of the epochs)."


def _rows(search: Search) -> list[list[str]]:
    rows: list[list[str]] = []
    for way, metrics in zip(WAYS, (search.metrics, search.inherited), strict=True):
        if metrics:
            accuracy = accuracy_texts(metrics.get("accuracy"), metrics.get("num_images"))
            rows.append([search.name, way, str(metrics.get("epochs", "\u2013")), *accuracy])
    head = search.inherited.get("accuracy_of_head")
    accuracy = accuracy_texts(head, search.inherited.get("num_images"))
    return [*rows, [search.name, "inherited weights, the new head alone fitted", "\u2013", *accuracy]]


def _curve(search: Search, way: str) -> list[float]:
    metrics = search.metrics if way == WAYS[0] else search.inherited
    return [float(value) for value in metrics.get("accuracy_by_epoch", ())]


def _chart(searches: Sequence[Search]) -> Chart:
    chart = Chart([search.name for search in searches], columns=2, height=220, share_y=True)
    for panel, search in enumerate(searches):
        for number, way in enumerate(WAYS):
            values = _curve(search, way)
            texts = [f"{way}, epoch {epoch}: {100 * value:.2f} %" for epoch, value in enumerate(values, start=1)]
            style: dict[str, Any] = {"color": color_of(number), "line": 2, "size": 5, "name": way, "titles": texts}
            chart.add(Marks(x=list(range(1, len(values) + 1)), y=values, **style), panel)
        chart.x(panel, title="epoch", is_whole=True)
        chart.y(panel, title="accuracy", is_percent=True)
    return chart
