"""Validations, fine-tunings and exports of models on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from helixnas.cli.option_values import say
from helixnas.cli.tables.table import figure_table
from helixnas.models.exporting import Export
from helixnas.models.opening import OpenedModel
from helixnas.models.validation import Validation


def show_validation(console: Console, opened: OpenedModel, found: Validation) -> None:
    """Print accuracy, size and speed of a model."""
    table = Table(title=f"{opened.name} on {found.num_images:,} images", title_justify="left", show_header=False)
    for name, value in (
        *((("weights", opened.weights),) if opened.weights else ()),
        ("classes", found.classes),
        ("top-1", f"{found.top1:.2%}"),
        ("top-5", f"{found.top5:.2%}"),
        ("cross-entropy", f"{found.loss:.4f}"),
        ("parameters", f"{found.params:,}"),
        ("multiply-adds", f"{found.macs:,} at {found.image_size} pixels"),
        ("throughput", f"{found.images_per_second:,.1f} images/s in batches of {found.batch_size}, {found.device}"),
        ("latency", f"{found.latency_ms:,.2f} ms for one image"),
    ):
        table.add_row(name, Text(value))
    console.print(table)


def show_finetuned(console: Console, opened: OpenedModel, out: Path, figures: Mapping[str, Any]) -> None:
    """Print the accuracy of a fine-tuned model and the commands that use it."""
    _say_weights(console, opened)
    say(
        console,
        f"{opened.name}: top-1 {figures['accuracy']:.2%}, top-5 {figures['top5']:.2%} on {figures['num_images']:,} images "
        "that training has not seen",
    )
    say(console, f"written: {out} (helixnas validate {out} --data ..., helixnas export {out} --data ...)")


def show_export(console: Console, opened: OpenedModel, found: Export) -> None:
    """Print where a model was written and how it compares."""
    _say_weights(console, opened)
    if not opened.trained:
        say(console, f"{opened.name} has no trained weights; the export is good for timing only")
    parity = found.parity
    say(
        console,
        f"largest difference from PyTorch {parity.largest_difference:.2g} (logits up to {parity.largest_logit:.3g}, "
        f"{parity.num_images} images)",
    )
    if found.seconds:
        title = f"one image, CPU, {torch.get_num_threads()} threads"
        table = figure_table(title, "", "ms", "times as fast as PyTorch")
        original = next(iter(found.seconds.values()))
        for name, seconds in found.seconds.items():
            table.add_row(name, f"{seconds * 1e3:.2f}", f"{original / seconds:.2f}")
        console.print(table)
    say(console, f"written: {found.path}")


def _say_weights(console: Console, opened: OpenedModel) -> None:
    if opened.weights:
        say(console, f"weights: {opened.weights}")
