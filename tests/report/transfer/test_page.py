"""Figures in words, and pictures inside the page."""

from pathlib import Path

import pandas as pd
import pytest

from helixnas.errors import ArtifactError
from helixnas.report.transfer.page import TransferFacts, build_transfer_page, figure_rows, percent


def test_figures_are_in_words() -> None:
    figures = {
        "miou": 0.5,
        "miou_interval": [0.4, 0.6],
        "pixel_accuracy": 0.9,
        "num_images": 1234,
        "params": 5_000_000,
        "macs": 7_000_000,
        "seconds": 90.0,
        "core_seconds": 180.0,
        "steps": 1000,
    }
    assert figure_rows(figures) == [
        ("mean IoU", "50.00 % (95 % interval 40.00 to 60.00)"),
        ("pixel accuracy", "90.00 %"),
        ("images", "1,234"),
        ("parameters", "5,000,000"),
        ("multiply-adds", "7,000,000 for a square image of the training size"),
        ("training", "1,000 steps, 1 min 30 s, 3 min 0 s of processor time"),
    ]
    assert percent(None) == "unknown"


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    facts = TransferFacts(
        model="it",
        weights="hub",
        task="segmentation",
        data="a",
        evaluation="b",
        settings={},
        figures={"miou": 0.5, "class_iou": {"sky": None}, "num_images": 3, "params": 10},
        losses=pd.DataFrame({"step": [1], "name": ["loss"], "value": [1.0]}),
        colors=((1, 2, 3),),
        pictures=(tmp_path / "gone.jpg",),
    )
    with pytest.raises(ArtifactError, match=r"gone\.jpg"):
        build_transfer_page(facts, tmp_path / "report.html")
