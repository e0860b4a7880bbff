"""The page of a transferred network: figures, classes, loss, and predictions beside the truth."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from helixnas.artifacts.files import damaged, write_text
from helixnas.engine.timing import duration
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import PALETTE
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.page import Section, document, section


@dataclass(frozen=True, kw_only=True)
class TransferFacts:
    """What the page shows."""

    model: str
    weights: str
    task: str
    data: str
    evaluation: str
    settings: Mapping[str, Any]
    figures: Mapping[str, Any]
    losses: pd.DataFrame
    """Columns step, name, value."""

    colors: tuple[tuple[int, int, int], ...]
    """Red, green and blue of every class in the pictures, 0 to 255."""

    pictures: tuple[Path, ...]
    """Each an image, its truth and the prediction in a row."""


def build_transfer_page(facts: TransferFacts, path: Path) -> Path:
    """Write the page and return its path; raises `ArtifactError` if a picture is missing or the page cannot be written."""
    sections = [_summary(facts), _classes(facts), _loss(facts), _pictures(facts)]
    title = f"HelixNAS: {facts.task} with {facts.model}"
    write_text(path, document(title, f"Trained on {facts.data}, evaluated on {facts.evaluation}.", sections))
    return path


def figure_rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values of the figures in words, the most important first.

    >>> figure_rows({"map": 0.5, "map50": None, "num_images": 3, "params": 1000})
    [('mAP', '50.00 %'), ('mAP at IoU .5', 'unknown'), ('images', '3'), ('parameters', '1,000')]
    """
    rows: list[tuple[str, str]] = []
    for key, name in (("miou", "mean IoU"), ("pixel_accuracy", "pixel accuracy"), ("map", "mAP")):
        if key in figures:
            interval = figures.get(f"{key}_interval")
            between = f" (95 % interval {100 * interval[0]:.2f} to {100 * interval[1]:.2f})" if interval else ""
            rows.append((name, f"{percent(figures[key])}{between}"))
    rows += [
        (f"mAP at IoU {at}", percent(figures[key])) for key, at in (("map50", ".5"), ("map75", ".75")) if key in figures
    ]
    rows.append(("images", f"{figures['num_images']:,}"))
    rows.append(("parameters", f"{figures['params']:,}"))
    if "macs" in figures:
        rows.append(("multiply-adds", f"{figures['macs']:,} for a square image of the training size"))
    if "seconds" in figures:
        spent = f"{duration(figures['seconds'])}, {duration(figures['core_seconds'])} of processor time"
        rows.append(("training", f"{figures['steps']:,} steps, {spent}"))
    return rows


def percent(value: float | None) -> str:
    """Return a share in percent; None is unknown."""
    return "unknown" if value is None else f"{100 * value:.2f} %"


def _summary(facts: TransferFacts) -> Section:
    weights = facts.weights or "those of its folder"
    return section(
        "summary", "Summary", "transfer/summary", facts=facts, weights=weights, rows=figure_rows(facts.figures)
    )


def _classes(facts: TransferFacts) -> Section:
    name, head = ("class_iou", "IoU") if "class_iou" in facts.figures else ("class_ap", "average precision")
    values = zip(facts.colors, facts.figures[name].items(), strict=True)
    rows = [(_swatch(color, each), percent(value)) for color, (each, value) in values]
    return section("classes", "By class", "transfer/classes", head=["class", head], rows=rows)


def _swatch(color: tuple[int, int, int], name: str) -> Markup:
    """Return a name behind a square of its colour."""
    style = f"display: inline-block; width: 0.8em; height: 0.8em; background: rgb{color}"
    return Markup('<span style="{}"></span> {}').format(style, name)


def _loss(facts: TransferFacts) -> Section:
    chart = Chart(height=280)
    steps: Sequence[Any] = facts.losses["step"].tolist()
    chart.add(Marks(x=steps, y=facts.losses["value"].tolist(), color=PALETTE[0], line=1.5))
    chart.x(title="step")
    chart.y(title="loss")
    return section("loss", "Training loss", "transfer/loss", chart=chart)


def _pictures(facts: TransferFacts) -> Section:
    shown = [(picture.stem, _inline(picture)) for picture in facts.pictures]
    return section("pictures", "Predictions beside the truth", "transfer/pictures", pictures=shown)


def _inline(picture: Path) -> Markup:
    """Return the address of a picture inside the page."""
    try:
        content = picture.read_bytes()
    except OSError as error:
        raise damaged(picture, error) from error
    return Markup(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}")
