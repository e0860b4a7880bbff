"""The dry run: stages, sizes, steps and memory of a recipe, without data, weights, network or computation."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from helixnas.artifacts import RunRecord
from helixnas.distill import DistillConfig
from helixnas.engine import FitConfig
from helixnas.nn import count_params
from helixnas.pipeline.cost_files import LATENCY_LIMITS
from helixnas.pipeline.plan import PlannedStage, is_done, plan
from helixnas.pipeline.recipe import Recipe
from helixnas.artifacts.run_folder import RunFolder
from helixnas.pipeline.context import image_size, import_extensions
from helixnas.retrain import RetrainConfig
from helixnas.search import parse_amount
from helixnas.space import SearchSpace, load_space
from helixnas.supernet import Supernet, SupernetCell, build_supernet
from helixnas.teacher import Teacher, count_teacher, sketch_teacher

BYTES_PER_PARAMETER = 16
"""A supernet's weight, its gradient and Adam's two moments, in float32."""


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """A recipe's networks on the meta device: all sizes, no weights."""

    space: SearchSpace
    teacher: Teacher
    supernet: Supernet
    image_size: int


def sketch(recipe: Recipe) -> Sketch:
    """Build the networks of a recipe without weights; raises what a real run would raise for them."""
    import_extensions(recipe)
    space, size = load_space(recipe.space), image_size(recipe)
    teacher = sketch_teacher(recipe.built_teacher, strides=space.strides, num_classes=10, input_size=(size, size))
    with torch.device("meta"):
        supernet = build_supernet(space, teacher.widths, config=recipe.supernet, seed=recipe.seed)
    return Sketch(space=space, teacher=teacher, supernet=supernet, image_size=size)


def dry_run(recipe: Recipe, folder: RunFolder, console: Console) -> None:
    """Print the plan of a recipe: networks, blocks, steps, memory, and which stages are done already."""
    drawn = sketch(recipe)
    console.print(f"[bold]{recipe.name}[/bold]: {recipe.description}", highlight=False, soft_wrap=True)
    costs = count_teacher(drawn.teacher, drawn.image_size)
    name = recipe.teacher.network or recipe.teacher.model
    weights = f"weights: {recipe.teacher.weights}" if recipe.teacher.weights else "trained by the recipe"
    console.print(
        f"teacher {name}: {costs['params'] / 1e6:.2f} M parameters, {costs['macs'] / 1e6:,.1f} M multiply-adds at "
        f"{drawn.image_size} pixels, {weights}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(_blocks_table(drawn))
    console.print(
        f"space {drawn.space.name}: {drawn.space.size:,} architectures; supernet "
        f"{count_params(drawn.supernet) / 1e6:.2f} M "
        f"parameters; memory to distil about {distill_bytes(drawn, recipe) / 2**30:.2f} GiB at batch "
        f"{recipe.distill.batch_size}",
        highlight=False,
        soft_wrap=True,
    )
    for name, search in recipe.searches.items():
        limits = [f"{key} <= {_amount(value, key, costs)}" for key, value in search.max.items()]
        limits += [f"{key} >= {_amount(value, key, costs)}" for key, value in search.min.items()]
        console.print(f"search {name}: {' and '.join(limits) or 'no limits'}", highlight=False)
    record = folder.load_record() if folder.exists() else RunRecord(recipe=recipe.name)
    console.print(_stages_table(recipe, folder, record))


def distill_bytes(drawn: Sketch, recipe: Recipe) -> int:
    """Return the estimated peak memory of distillation in bytes: weights with optimiser, features, one path's graph.

    Where gradients flow from block to block (progressive-a), that of one path per block.

    Activations are those that autograd keeps for the largest path, counted on the meta device; workspace of the
    kernels and the framework itself come on top.
    """
    weights = count_params(drawn.supernet) * BYTES_PER_PARAMETER + count_params(drawn.teacher.model) * 4
    with torch.no_grad():
        images = torch.empty(1, 3, drawn.image_size, drawn.image_size, device="meta")
        features = drawn.teacher.features(images)
    graphs = [
        max(_saved_bytes(cell, features[block.number - 1], block.previous_widths[-1]) for cell in block)
        for block in drawn.supernet
    ]
    graph = sum(graphs) if recipe.distill.strategy == "progressive-a" else max(graphs)
    return weights + recipe.distill.batch_size * (graph + 4 * sum(feature.numel() for feature in features))


def _saved_bytes(cell: SupernetCell, features: Tensor, previous_width: int) -> int:
    """Return what autograd keeps of the path of last operations, in bytes per image."""
    saved: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            saved[id(tensor)] = tensor.numel() * tensor.element_size()
        return tensor

    *_, path = cell.cell.paths()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = cell(features.expand(2, -1, -1, -1), path, previous_width)
    del output
    return sum(saved.values()) // 2


def _blocks_table(drawn: Sketch) -> Table:
    table = Table(title="blocks", title_justify="left")
    for column in (
        "block",
        "teacher boundary",
        "teacher features",
        "cells (layers x width)",
        "paths",
        "supernet parameters",
    ):
        table.add_column(column, justify="left" if column == "cells (layers x width)" else "right")
    for block, spec in zip(drawn.supernet, drawn.space.blocks, strict=True):
        k = block.number - 1
        height, width = drawn.teacher.feature_sizes[k]
        table.add_row(
            str(block.number),
            drawn.teacher.boundaries[k],
            f"{drawn.teacher.widths[k]} x {height} x {width}",
            ", ".join(f"{cell.depths} x {cell.width}" for cell in spec.cells),
            f"{spec.num_paths:,}",
            f"{count_params(block):,}",
        )
    return table


def _stages_table(recipe: Recipe, folder: RunFolder, record: RunRecord) -> Table:
    table = Table(title="stages", title_justify="left")
    for column in ("stage", "work", "state"):
        table.add_column(column)
    for stage in plan(recipe.to_dict()):
        done = is_done(stage, record, folder)
        again = stage.name in record.stages and not done
        table.add_row(stage.name, _work(stage, recipe), "done" if done else "to do again" if again else "to do")
    return table


def _work(stage: PlannedStage, recipe: Recipe) -> str:
    """Return what a stage will do, in a few words."""
    images = recipe.expected_training_images
    kind = stage.name.partition(":")[0]
    if kind == "teacher":
        if recipe.teacher.weights:
            return f"load weights: {recipe.teacher.weights}"
        return _fit_steps(recipe.teacher_fit, images)
    if kind == "distill":
        return distill_text(recipe.distill, images)
    if kind == "rate":
        return f"every path on {recipe.data.num_rating:,} images"
    if kind == "stitch":
        return f"{recipe.stitching.num_architectures} random networks"
    if kind == "latency":
        return (
            f"timings of {recipe.costs.latency_csv}"
            if recipe.costs.latency_csv
            else (
                f"every part in {recipe.costs.num_rounds} rounds with {recipe.costs.latency}, and "
                f"{recipe.costs.num_networks} networks whole"
            )
        )
    if recipe.retrain is not None and kind in ("retrain", "inherit"):
        return _retrain_work(recipe.retrain, inherited=kind == "inherit", images=images)
    return "milliseconds to seconds"


def _retrain_work(config: RetrainConfig, *, inherited: bool, images: int) -> str:
    """Return how a searched network is trained, in a few words."""
    fit = config.inherit.tuning(config.fit) if inherited else config.fit
    parts = [f"{_fit_steps(fit, images)}, {fit.optimizer}, lr {fit.lr:g}"]
    parts += [f"drop path {config.drop_path_rate:g}"] if config.drop_path_rate else []
    parts += [config.augmentation] if config.augmentation else []
    parts += [f"mixup {fit.mixup:g}"] if fit.mixup else []
    parts += [f"cutmix {fit.cutmix:g}"] if fit.cutmix else []
    parts += [f"weights averaged ({fit.ema_decay:g})"] if fit.ema_decay else []
    parts += [f"{config.teach} targets of the teacher"] if config.teach != "none" else []
    return ", ".join(parts)


def _fit_steps(fit: FitConfig, images: int) -> str:
    steps = steps_text(fit.num_epochs, fit.batch_size, images)
    return f"{steps}, {fit.num_parts} parts of {fit.microbatch_size}" if fit.num_parts > 1 else steps


def distill_text(config: DistillConfig, images: int) -> str:
    """Return how long a supernet is distilled, in a few words."""
    steps = steps_text(config.num_epochs, config.batch_size, images, stop_at=config.stop_at)
    return f"{steps} for each block in turn ({config.strategy})" if config.is_progressive else steps


def steps_text(num_epochs: int, batch_size: int, images: int, *, stop_at: float = 1.0) -> str:
    """Return epochs, batch size and, where the number of images is known, steps of a training in words.

    >>> steps_text(1, 64, 48_000, stop_at=0.5)
    '1 epoch of batch 64: the first 375 of 750 steps'
    """
    epochs = f"{num_epochs} {'epoch' if num_epochs == 1 else 'epochs'} of batch {batch_size}"
    steps = num_epochs * (images // batch_size)
    if images <= 0:
        return epochs if stop_at == 1 else f"{epochs}, stopped at {stop_at:.4g} of all steps"
    first = "" if stop_at == 1 else f"the first {max(1, round(stop_at * steps)):,} of "
    return f"{epochs}: {first}{steps:,} steps"


def _amount(value: str | int | float, name: str, teacher: Mapping[str, int]) -> str:
    if name in LATENCY_LIMITS:
        return str(value)
    exact = parse_amount(value, reference=teacher.get(name))
    return f"{exact:,}" + (f" ({value} of the teacher's)" if str(value).strip().endswith("%") else "")
