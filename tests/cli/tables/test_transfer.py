"""Figures of a transferred network on the terminal."""

from pathlib import Path

from rich.console import Console
from torch import nn

from helixnas.cli.tables.transfer import show_transferred
from helixnas.models.opening import OpenedModel


def test_figures_and_classes_are_shown(tmp_path: Path) -> None:
    console = Console(record=True, width=120)
    opened = OpenedModel(model=nn.Identity(), name="it", trained=True, weights="a file")
    figures = {"miou": 0.5, "class_iou": {"sky": 0.75, "sea": None}, "num_images": 3, "params": 1000}
    show_transferred(console, opened, tmp_path, figures)
    text = console.export_text()
    for part in (
        "it on 3 images",
        "a file",
        "mean IoU",
        "50.00 %",
        "sky",
        "75.00 %",
        "unknown",
        f"helixnas predict {tmp_path}",
    ):
        assert part in text
