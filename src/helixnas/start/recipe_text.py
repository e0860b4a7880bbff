"""A fitted recipe as commented YAML, for a person to read and change."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from helixnas.artifacts.cost_table import LATENCY
from helixnas.engine.timing import duration
from helixnas.search import readable
from helixnas.start.proposal import SEARCH, Proposal
from helixnas.start.request import Request
from helixnas.start.spaces import KERNELS

TRAINED_BY = ("num_epochs", "batch_size", "first_block_lr", "lr", "sampling", "features")
"""Settings of distillation that a recipe shows."""

WIDTH = 118
"""Characters of a line of comment."""


def recipe_text(found: Proposal) -> str:
    """Return the recipe of a proposal as YAML, with the facts behind each part as comments."""
    recipe = found.recipe
    parts = [
        heading(found.request)
        + _comment(f"{_next(found.request)} Estimated time on this machine ({found.machine}): {_times(found)}."),
        _lines({name: getattr(recipe, name) for name in ("name", "description", "seed", "expected_images")}),
        _lines({"imports": list(recipe.imports)}) if recipe.imports else "",
        _comment("bf16 where the device is faster with it, else fp32.") + _lines({"runtime": {"precision": "auto"}}),
        _data(found),
        _teacher(found),
        _space(found),
        _comment("Where latency is measured; see the guide on costs.")
        + _lines({"costs": {"latency": recipe.costs.latency}})
        if recipe.costs.latency
        else "",
        _comment(
            "Cells of one depth share their weights by slicing, because weights of their own would not fit into the memory."
        )
        + _lines({"supernet": {"slimmable": True}})
        if recipe.supernet.slimmable
        else "",
        _comment(
            "The supernet learns the teacher's features. More epochs make scores more reliable, until they do not change."
        )
        + _lines(
            {
                "distill": _changed(
                    recipe.distill, "num_epochs", "batch_size", "first_block_lr", "lr", "sampling", "features"
                )
            }
        ),
        _comment("Every path is rated on the rating images, in batches whose spread gives standard errors.")
        + _lines({"rating": {"batch_size": recipe.rating.batch_size, "scores": list(recipe.rating.scores)}}),
        _scores(found),
        _comment("Stitched networks test whether scores add up; num_architectures: 0 leaves the test out.")
        + _lines({"stitching": _changed(recipe.stitching, "num_architectures", "num_images", "batch_size")}),
        _searches(found),
        _retrain(found),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def heading(request: Request) -> str:
    """Return the first line of a recipe: the command or the call that made it."""
    return f"# Made by: {request.call if request.given else request.command}\n"


def _next(request: Request) -> str:
    return "The same call takes it as it is then." if request.given else "Run it with: helixnas run FILE."


def _data(found: Proposal) -> str:
    recipe, images = found.recipe, found.images
    names = (
        "name",
        "root",
        "download",
        "labels",
        "image_size",
        "augmentation",
        "num_rating",
        "train_share",
        "num_workers",
    )
    values = _changed(recipe.data, *names, keep=("labels", "image_size", "augmentation", "num_rating"))
    notes = [f"The images: {images}."]
    notes += [f"Warning: {warning}." for warning in images.warnings]
    if recipe.data.train_share < 1:
        notes.append("train_share: even one epoch of all images takes longer than the hours given; 1 uses all.")
    if not images.num_classes:
        notes.append("No labels, so there is no final accuracy and no retraining; one folder per class gives both.")
    return _comment(*notes) + _lines({"data": values}, deep=True)


def _teacher(found: Proposal) -> str:
    facts, recipe = found.teacher, found.recipe
    size = f"{facts.costs['params'] / 1e6:.2f} M parameters, {facts.costs['macs'] / 1e6:,.1f} M multiply-adds"
    notes = [f"The teacher: {size} at {facts.image_size} pixels; weights: {facts.origin}. Its cuts:"]
    notes += [f"  {text}" for text in facts.cuts]
    if not facts.config.boundaries:
        notes.append(f"boundaries: [{', '.join(facts.boundaries)}] would name these modules.")
    values: dict[str, Any] = {"teacher": {"model": facts.config.model, "weights": facts.config.weights}}
    if facts.config.boundaries:
        values["teacher"]["boundaries"] = list(facts.config.boundaries)
    if facts.config.model_args:
        values["teacher"]["model_args"] = dict(facts.config.model_args)
    if not facts.config.weights:
        values["teacher_fit"] = _changed(recipe.teacher_fit, "num_epochs", "batch_size", "lr", "warmup_epochs")
    return _comment(*notes) + _lines(values)


def _space(found: Proposal) -> str:
    fitted, facts, space = found.fitted, found.teacher, found.recipe.search_space
    counted = [
        f"{_amount(name, fitted.smallest).rpartition(' ')[0]} to {_amount(name, fitted.largest)}"
        for name in ("macs", "params")
    ]
    widths = ", ".join(map(str, facts.widths))
    notes = [
        f"The space: {space.size:,} networks of {' and '.join(counted)}. Widths are about {fitted.share:.2f} of the teacher's "
        f"({widths}), so that the limits below lie inside: the smallest network takes "
        + " and ".join(_share(name, limit, found) for name, limit in found.recipe.searches[SEARCH].max.items())
        + ".",
    ]
    if facts.kind == "mbconv":
        most = ", ".join(map(str, KERNELS[0]))
        notes.append(
            f"cells: layers and channels, per block. kernels may be {most}; more candidates take longer to rate."
        )
    else:
        notes.append(
            "Widths are multiples of head_dim; every block takes one of the dimensions, layers and MLP ratios."
        )
    return _comment(*notes) + _lines({"space": fitted.definition}, deep=True)


def _scores(found: Proposal) -> str:
    recipe = found.recipe
    if not recipe.scores:
        return ""
    proxies = {"num_networks": recipe.proxies.num_networks, "batch_size": recipe.proxies.batch_size}
    return _comment(
        "Searches add up what the supernet learned and a proxy of untrained networks (naswot), each divided by its spread."
    ) + _lines({"proxies": proxies, "scores": list(recipe.scores)})


def _share(name: str, limit: Any, found: Proposal) -> str:
    resource = LATENCY if name == "latency_ms" else name
    if resource not in found.fitted.smallest:
        return f"little of {name}={limit}"
    return f"{_amount(resource, found.fitted.smallest)} where {name}={limit} is allowed"


def _amount(name: str, amounts: Mapping[str, int]) -> str:
    shown, text = readable(name, amounts[name], decimals=2)
    words = {"macs": "multiply-adds", "params": "parameters"}
    return f"{amounts[name] / 1e6:,.2f} M {words[shown]}" if shown in words else f"{text} {shown}"


def _searches(found: Proposal) -> str:
    recipe = found.recipe
    searches = {name: {"max": dict(search.max)} for name, search in recipe.searches.items()}
    note = (
        "Limits are amounts (5.3M, 350M) or shares of the teacher's (40%). Further limits need no training: "
        "helixnas search RUN --max macs=30%"
    )
    return _comment(note) + _lines({"searches": searches})


def _retrain(found: Proposal) -> str:
    retrain = found.recipe.retrain
    if retrain is None:
        return _comment("Retraining needs labels.") + _lines({"retrain": None})
    fit = _changed(retrain.fit, "num_epochs", "batch_size", "lr", "warmup_epochs", "label_smoothing")
    note = "The winner is trained from scratch. init: inherited begins with the supernet's weights and takes half the epochs."
    return _comment(note) + _lines({"retrain": {"init": retrain.init, "fit": fit}}, deep=True)


def _times(found: Proposal) -> str:
    parts = [f"{name} {duration(seconds)}" for name, seconds in found.schedule.seconds.items() if seconds >= 1]
    return f"{duration(found.schedule.total)} ({', '.join(parts)})" if parts else "less than a minute"


def _changed(settings: Any, *names: str, keep: Sequence[str] | None = None) -> dict[str, Any]:
    """Return settings by name; with `keep`, of the others only those that are not the default."""
    default = type(settings)() if keep is not None else None
    return {
        name: getattr(settings, name)
        for name in names
        if keep is None or name in keep or getattr(settings, name) != getattr(default, name)
    }


def _lines(values: Mapping[str, Any], *, deep: bool = False) -> str:
    """Return YAML with the values of a group on one line, or with `deep` one line each."""
    lines: list[str] = []
    for name, value in values.items():
        if deep and isinstance(value, Mapping):
            lines.append(f"{name}:")
            lines += _nested(value, "  ")
        else:
            lines.append(f"{name}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _nested(values: Mapping[str, Any], indent: str) -> Iterable[str]:
    for name, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        elif isinstance(value, Mapping) and any(isinstance(item, Mapping) for item in value.values()):
            yield f"{indent}{name}:"
            yield from (f"{indent}  {key}: {_flow(item)}" for key, item in value.items())
        else:
            yield f"{indent}{name}: {_flow(value)}"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _comment(*texts: str) -> str:
    lines = [
        line
        for text in texts
        for line in textwrap.wrap(
            text, WIDTH - 2, break_long_words=False, break_on_hyphens=False, subsequent_indent=" " * _indent(text)
        )
    ]
    return "".join(f"# {line}\n" for line in lines)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip()) + (2 if text.startswith(" ") else 0)
