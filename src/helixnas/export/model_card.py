"""Model cards in Markdown for the Hugging Face hub: model, budgets of the search, accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from helixnas.space import Architecture

ACCURACIES = {"accuracy": "top-1", "top5": "top-5"}
"""Titles of the accuracies."""


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

    accuracy: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """accuracy, top5 (0 .. 1), loss, num_images, on images used neither in training nor in the search."""

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
        parts += [_table("Architecture", ("", "stride", "width", "layers"), _stage_rows(facts.architecture))]
    if facts.search or facts.facts:
        parts += [_table("Search", ("", ""), _search_rows(facts))]
    if facts.accuracy:
        parts += [_table("Accuracy", ("", ""), _accuracy_rows(facts))]
    parts += [_usage(facts)]
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


def _stage_rows(architecture: Architecture) -> list[tuple[str, str, str, str]]:
    stages = [(f"stem {number}", stage) for number, stage in enumerate(architecture.stem, start=1)]
    stages += [(f"block {number}", stage) for number, stage in enumerate(architecture.blocks, start=1)]
    return [
        (name, str(stage.stride), str(stage.path.width), ", ".join(each.name for each in stage.path.operations))
        for name, stage in stages
    ]


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
    rows = [(title, f"{found[key]:.2%}") for key, title in ACCURACIES.items() if key in found]
    rows += [("cross-entropy", f"{found['loss']:.4f}")] if "loss" in found else []
    return rows + ([("images, used in neither training nor search", f"{found['num_images']:,}")] if rows else [])


def _usage(facts: CardFacts) -> str:
    lines = ["import timm"]
    lines += ["import helixnas.zoo  # registers the network"] if facts.architecture is not None else []
    lines += ["", 'model = timm.create_model("local-dir:FOLDER", pretrained=True).eval()  # or "hf-hub:OWNER/NAME"']
    lines += ["transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))"]
    return "\n".join(["## Use", "", "```python", *lines, "```"])


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join([f"## {title}", "", *lines])


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
