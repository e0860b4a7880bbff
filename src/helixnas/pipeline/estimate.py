"""Estimates for the dry run: sizes and time of a recipe, without data, weights or training."""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from helixnas.costs import cost_table
from helixnas.distill import num_draws
from helixnas.engine import Runtime
from helixnas.engine.runtime import wait_for
from helixnas.pipeline.bridges import check_scores
from helixnas.pipeline.context import fitting_teacher, image_size, import_extensions
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes
from helixnas.space import Block, SearchSpace
from helixnas.space.slicing import groups_by_depth
from helixnas.supernet import Supernet, build_supernet
from helixnas.teacher import Teacher, count_teacher, sketch_teacher
from helixnas.zoo import HelixNet

SECONDS_OF_PROBE = 0.5
"""Time for which each network is run, at least, to measure the machine's speed."""

BATCH_MACS = 10**9
"""Multiply-adds of a batch of that measurement, at most, where an image does not need more."""


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """A recipe's networks on the meta device: all sizes, no weights."""

    space: SearchSpace
    teacher: Teacher
    supernet: Supernet
    image_size: int
    num_classes: int
    """Outputs of the searched networks."""


def sketch(recipe: Recipe, num_classes: int | None = None) -> Sketch:
    """Build the networks of a recipe on the meta device, for so many classes of the images, or for the teacher's own.

    Raises the errors of a real run.
    """
    import_extensions(recipe)
    space, size = recipe.search_space, image_size(recipe)
    teacher = sketch_teacher(
        recipe.built_teacher, strides=space.strides, num_classes=num_classes, input_size=(size, size)
    )
    if recipe.supernet.init == "teacher":
        fitting_teacher(recipe, teacher)
    check_scores(teacher, space.strides, recipe.rating.scores)
    with torch.device("meta"):
        supernet = build_supernet(
            space,
            teacher.widths,
            config=recipe.supernet,
            seed=recipe.seed,
            teacher_grids=teacher.feature_sizes,
            input_size=teacher.input_size,
        )
    return Sketch(
        space=space,
        teacher=teacher,
        supernet=supernet,
        image_size=size,
        num_classes=num_classes or teacher.num_classes,
    )


def forward_times(drawn: Sketch, recipe: Recipe) -> ForwardTimes:
    """Measure the teacher and a random network of the space on this machine; other paths follow by their multiply-adds."""
    runtime = Runtime(replace(recipe.runtime, compile=False, cuda_graphs=False))
    table = cost_table(drawn.space, image_size=drawn.image_size, num_classes=drawn.num_classes)
    macs, last = table.resource("macs"), len(drawn.space.blocks) + 1
    paths, rated, network = 0.0, 0.0, float(macs[table.rows(0)].mean() + macs[table.rows(last)].mean())
    for number, block in enumerate(drawn.space.blocks, start=1):
        rows = table.rows(number)
        network += float(macs[rows].mean())
        costs = {(int(table.previous_width[row]), table.path[row]): int(macs[row]) for row in rows}
        of_cells = _cell_macs(block, costs)
        paths += _macs_per_step(drawn.space, number, [mean for mean, _ in of_cells], recipe)
        rated += sum(shared for _, shared in of_cells)
    architecture = drawn.space.sample(np.random.default_rng(recipe.seed))
    student = HelixNet(architecture, num_classes=drawn.num_classes)
    size, teacher_macs = drawn.image_size, count_teacher(drawn.teacher, drawn.image_size)["macs"]
    teacher = drawn.teacher.model.to_empty(device="cpu")
    student_macs = table.of(architecture)["macs"]
    per_mac = seconds_per_image(student, size, student_macs, runtime) / student_macs
    return ForwardTimes(
        teacher=seconds_per_image(teacher, size, teacher_macs, runtime),
        network=network * per_mac,
        supernet=paths * per_mac,
        rating=rated * per_mac,
    )


def _macs_per_step(space: SearchSpace, number: int, means: list[float], recipe: Recipe) -> float:
    """Return the multiply-adds per image that distillation spends on a block, given those of a mean path of every cell."""
    block, config, slimmable = space.blocks[number - 1], recipe.distill, recipe.supernet.slimmable
    groups = groups_by_depth(block.cells) if slimmable else [(cell,) for cell in block.cells]
    widths, total = space.previous_widths(number), 0.0
    for group in groups:
        drawn = num_draws(group, widths, config, slimmable=slimmable)
        total += drawn * float(np.mean([means[block.cells.index(cell)] for cell in group]))
    return total


def _cell_macs(block: Block, costs: dict[tuple[int, str], int]) -> list[tuple[float, float]]:
    """Return per cell the multiply-adds of a mean path, and of all its paths with prefixes shared."""
    found: list[tuple[float, float]] = []
    widths = {width for width, _ in costs}
    for cell in block.cells:
        of_paths = [costs[width, path.text] for width in widths for path in cell.paths()]
        mean, depth = float(np.mean(of_paths)), max(1, len(cell.layers))
        nodes, prefixes = 0, len(widths)
        for number in cell.choices:
            prefixes *= number
            nodes += prefixes
        found.append((mean, mean * nodes / depth))
    return found


def seconds_per_image(model: nn.Module, size: int, macs: int, runtime: Runtime) -> float:
    """Return the seconds of a forward pass per image; weights may be anything."""
    model = runtime.place(model.eval())
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data.uniform_(0.01, 0.02)  # denormal numbers of uninitialised memory would be slow
    images = runtime.images(torch.rand(min(32, max(1, BATCH_MACS // macs)), 3, size, size))
    calls, start = 0, 0.0
    with torch.inference_mode(), runtime.autocast():
        while not calls or time.perf_counter() - start < SECONDS_OF_PROBE:
            if not calls:
                model(images)  # the first call also chooses kernels
                wait_for(runtime.device)
                start = time.perf_counter()
            model(images)
            wait_for(runtime.device)
            calls += 1
    return (time.perf_counter() - start) / (calls * len(images))
