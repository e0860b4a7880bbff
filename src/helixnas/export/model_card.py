"""Model cards in Markdown for the Hugging Face hub: model, budgets of the search, accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from helixnas.space import Architecture

ACCURACIES = {"accuracy": "top-1", "top5": "top-5"}
"""Titles of the accuracies."""

LONGEST = 16
"""Characters of the bar of the widest stage."""

UNKNOWN_PLACE = '"local-dir:FOLDER", pretrained=True).eval()  # or "hf-hub:OWNER/NAME"'


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Contents of a model card; empty entries are left out."""

    name: str
    architecture: Architecture | None
    """The searched network, or None for other timm models."""

    params: int
    macs: int
    """Multiply-adds of one image."""

    shown: Mapping[str, Any]
    """Preprocessing: input_size, mean, std, crop_pct, interpolation."""

    num_classes: int
    data: str = ""
    """Name of the training data."""

    repo: str = ""
    """Name on the hub, OWNER/NAME, if it is known."""

    accuracy: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """accuracy, top5 (0 .. 1), loss, num_images, on images used neither in training nor in the search."""

    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """95 % intervals of accuracy and top5, by the same names."""

    search: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Content of the search's result.json."""

    certificate: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Content of the search's certificate.json."""

    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further rows: recipe, teacher, space, versions."""


def model_card(facts: CardFacts) -> str:
    """Return the model card as Markdown."""
    parts = [f"---\n{_header(facts).to_yaml()}\n---", f"# {facts.name}", _introduction(facts)]
    parts += [_table("Model", ("", ""), _model_rows(facts))]
    if facts.architecture is not None:
        parts += [_drawing(facts.architecture, facts.shown["input_size"], facts.num_classes)]
    if facts.search or facts.facts:
        parts += [_table("Search", ("", ""), _search_rows(facts))]
    if facts.accuracy:
        parts += [_table("Accuracy", ("", ""), _accuracy_rows(facts))]
    parts += [_usage(facts), _licence(facts)]
    return "\n\n".join(parts) + "\n"


def _header(facts: CardFacts) -> ModelCardData:
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=facts.data or "images",
            dataset_name=facts.data or "images",
            metric_type="accuracy",
            metric_name=f"{title} accuracy",
            metric_value=float(facts.accuracy[key]),
        )
        for key, title in ACCURACIES.items()
        if key in facts.accuracy
    ]
    return ModelCardData(
        library_name="timm",
        pipeline_tag="image-classification",
        tags=["image-classification", "timm", *(["helixnas"] if facts.architecture is not None else [])],
        model_name=facts.name,
        eval_results=results or None,
    )


def _introduction(facts: CardFacts) -> str:
    if facts.architecture is None:
        return "An image classifier for timm."
    origin = "found by block-wise distilled architecture search" if facts.search else "built"
    return f"An image classifier whose architecture was {origin} with HelixNAS."


def _model_rows(facts: CardFacts) -> list[tuple[str, str]]:
    _, height, width = facts.shown["input_size"]
    return [
        ("parameters", f"{facts.params:,}"),
        ("multiply-adds", f"{facts.macs:,} for an image of {height} x {width}"),
        ("classes", f"{facts.num_classes:,}"),
        ("mean, std", f"{_numbers(facts.shown['mean'])}; {_numbers(facts.shown['std'])}"),
        ("crop, interpolation", f"{facts.shown['crop_pct']:g}, {facts.shown['interpolation']}"),
        *([("trained on", facts.data)] if facts.data else []),
    ]


def _drawing(architecture: Architecture, input_size: Sequence[int], num_classes: int) -> str:
    """Return the stages of a network drawn as text, from the image down: resolution, width as a bar, and layers."""
    stages = [(f"stem {number}", stage) for number, stage in enumerate(architecture.stem, start=1)]
    stages += [(f"block {number}", stage) for number, stage in enumerate(architecture.blocks, start=1)]
    widest, grid = max(stage.path.width for _, stage in stages), (int(input_size[1]), int(input_size[2]))
    rows = [(f"{grid[0]} x {grid[1]}", "image", "", "3", "")]
    for name, stage in stages:
        grid = (-(-grid[0] // stage.stride), -(-grid[1] // stage.stride))
        bar = "#" * max(1, round(LONGEST * stage.path.width / widest))
        layers = ", ".join(operation.name for operation in stage.path.operations)
        rows += [(f"{grid[0]} x {grid[1]}", name, bar, f"{stage.path.width}", layers)]
    rows += [("1 x 1", "head", "", f"{num_classes}", "classes")]
    sides = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{row[0]:>{sides[0]}}  {row[1]:<{sides[1]}}  {row[2]:<{sides[2]}}  {row[3]:>{sides[3]}}  {row[4]}".rstrip()
        for row in rows
    ]
    return "\n".join(
        ["## Architecture", "", "Resolution, stage, width (channels) and layers:", "", "```text", *lines, "```"]
    )


def _search_rows(facts: CardFacts) -> list[tuple[str, str]]:
    rows, found, proof = list(facts.facts.items()), facts.search, facts.certificate
    limits = [f"{name} <= {amount}" for name, amount in found.get("max", {}).items()]
    limits += [f"{name} >= {amount}" for name, amount in found.get("min", {}).items()]
    if found:
        rows += [("budgets", " and ".join(limits) or "none"), ("score (lower is better)", f"{found['score']:.6g}")]
        rows += [(name, f"{amount:,} (counted by the search)") for name, amount in found.get("costs", {}).items()]
        rows += [("status", f"{found['status']} among {int(found['space_size']):,} architectures")]
    if proof:
        rows += [("certificate", f"{proof.get('status')}, instance {proof.get('instance_hash')} (certificate.json)")]
    return rows


def _accuracy_rows(facts: CardFacts) -> list[tuple[str, str]]:
    found = facts.accuracy
    rows = [
        (title, f"{found[key]:.2%}{_interval_text(facts, key)}") for key, title in ACCURACIES.items() if key in found
    ]
    rows += [("cross-entropy", f"{found['loss']:.4f}")] if "loss" in found else []
    return rows + ([("images, used in neither training nor search", f"{found['num_images']:,}")] if rows else [])


def _interval_text(facts: CardFacts, key: str) -> str:
    """Return the 95 % interval of an accuracy in parentheses; empty if it is not known."""
    if key not in facts.intervals:
        return ""
    low, high = facts.intervals[key]
    return f" (95 % interval over the choice of images: {low:.1%} to {high:.1%})"


def _usage(facts: CardFacts) -> str:
    needed = ["Needs `helixnas` and timm.", ""] if facts.architecture is not None else []
    lines = ["import timm"]
    lines += ["import helixnas.zoo  # registers the network"] if facts.architecture is not None else []
    where = f'"hf-hub:{facts.repo}", pretrained=True).eval()' if facts.repo else UNKNOWN_PLACE
    lines += ["", f"model = timm.create_model({where}"]
    lines += ["transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))"]
    return "\n".join(["## Use", "", *needed, "```python", *lines, "```"])


def _licence(facts: CardFacts) -> str:
    """Return a note that the licence is not stated; what weights may be used for is for their owner to say."""
    origin = f" ({facts.data})" if facts.data else ""
    teacher = ", of the teacher's weights" if "teacher" in facts.facts else ""
    return (
        f"## Licence\n\nNot stated yet. Check the terms of the training images{origin}{teacher} and of your own project, then "
        "add `license: ...` to the header of this file."
    )


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join([f"## {title}", "", *lines])


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
