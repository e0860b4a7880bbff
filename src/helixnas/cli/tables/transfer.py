"""Transferred networks on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from helixnas.cli.option_values import say
from helixnas.cli.tables.table import figure_table
from helixnas.models.opening import OpenedModel
from helixnas.report.transfer.page import figure_rows, percent


def show_transferred(console: Console, opened: OpenedModel, out: Path, figures: Mapping[str, Any]) -> None:
    """Print the figures of a transferred network, by class too, and where it is."""
    table = Table(title=f"{opened.name} on {figures['num_images']:,} images", title_justify="left", show_header=False)
    if opened.weights:
        table.add_row("weights", Text(opened.weights))
    for name, value in figure_rows(figures):
        table.add_row(name, Text(value))
    console.print(table)
    key, head = ("class_iou", "IoU") if "class_iou" in figures else ("class_ap", "average precision")
    classes = figure_table("by class", "class", head)
    for name, value in figures[key].items():
        classes.add_row(name, percent(value))
    console.print(classes)
    say(console, f"written: {out}; report: {out / 'report.html'} (helixnas predict {out} IMAGES)")
