"""Estimates for the dry run: sizes, memory and time of a recipe, without data, weights or training."""

import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from helixnas.costs import cost_table
from helixnas.engine import Runtime
from helixnas.engine.runtime import wait_for
from helixnas.nn import count_macs, count_params
from helixnas.pipeline.context import image_size, import_extensions
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import Sizes
from helixnas.space import Block, SearchSpace
from helixnas.supernet import Supernet, SupernetCell, build_supernet
from helixnas.teacher import Teacher, count_teacher, sketch_teacher

BYTES_PER_PARAMETER = 16
"""A supernet's weight, its gradient and Adam's two moments, in float32."""

SECONDS_OF_PROBE = 0.3
"""Duration of the measurement of this machine's speed."""


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """A recipe's networks on the meta device: all sizes, no weights."""

    space: SearchSpace
    teacher: Teacher
    supernet: Supernet
    image_size: int


def sketch(recipe: Recipe) -> Sketch:
    """Build the networks of a recipe on the meta device; raises the errors of a real run."""
    import_extensions(recipe)
    space, size = recipe.search_space, image_size(recipe)
    teacher = sketch_teacher(recipe.built_teacher, strides=space.strides, num_classes=10, input_size=(size, size))
    with torch.device("meta"):
        supernet = build_supernet(space, teacher.widths, config=recipe.supernet, seed=recipe.seed)
    return Sketch(space=space, teacher=teacher, supernet=supernet, image_size=size)


def distill_bytes(drawn: Sketch, recipe: Recipe) -> int:
    """Return the estimated peak memory of distillation in bytes: weights with optimiser, features, one path's graph.

    The graph is that of the largest path (progressive-a: one path per block), counted on the meta device; the memory of
    kernels and framework is not included.
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
    """Return the bytes per image that autograd saves for the path of last operations."""
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


def sizes(drawn: Sketch) -> Sizes:
    """Return the multiply-adds for estimates of time, without the adapters between widths."""
    table = cost_table(drawn.space, image_size=drawn.image_size, num_classes=10)
    macs, last = table.resource("macs"), len(drawn.space.blocks) + 1
    path_macs, rated_macs, network_macs = 0.0, 0.0, float(macs[table.rows(0)].mean() + macs[table.rows(last)].mean())
    for number, block in enumerate(drawn.space.blocks, start=1):
        rows = table.rows(number)
        network_macs += float(macs[rows].mean())
        costs = {(int(table.previous_width[row]), table.path[row]): int(macs[row]) for row in rows}
        of_cells = _cell_macs(block, costs)
        path_macs += sum(mean for mean, _ in of_cells)
        rated_macs += sum(shared for _, shared in of_cells)
    return Sizes(
        teacher_macs=count_teacher(drawn.teacher, drawn.image_size)["macs"],
        path_macs=round(path_macs),
        rated_macs=round(rated_macs),
        network_macs=round(network_macs),
    )


def _cell_macs(block: Block, costs: dict[tuple[int, str], int]) -> list[tuple[float, float]]:
    """Return per cell the multiply-adds of a mean path, and of all its paths with prefixes shared."""
    found: list[tuple[float, float]] = []
    widths = {width for width, _ in costs}
    for cell in block.cells:
        of_paths = [costs[width, path.text] for width in widths for path in cell.paths()]
        mean, depth = float(np.mean(of_paths)), max(1, len(cell.layers))
        nodes, prefixes = 0, len(widths)
        for layer in cell.layers:
            prefixes *= len(layer)
            nodes += prefixes
        found.append((mean, mean * nodes / depth))
    return found


@cache
def macs_per_second(runtime: Runtime) -> float:
    """Return the multiply-adds per second of this machine in a small convolutional network, forward."""
    layers = (nn.Conv2d(32, 96, 1), nn.Conv2d(96, 96, 3, padding=1, groups=96), nn.BatchNorm2d(96), nn.ReLU())
    model = runtime.place(nn.Sequential(*layers, nn.Conv2d(96, 32, 1), nn.BatchNorm2d(32)))
    images = runtime.images(torch.rand(16, 32, 32, 32))
    calls, began = 0, time.perf_counter()
    with torch.no_grad(), runtime.autocast():
        model(images)
        wait_for(runtime.device)
        start = time.perf_counter()
        while time.perf_counter() - began < SECONDS_OF_PROBE or calls < 1:
            model(images)
            wait_for(runtime.device)
            calls += 1
        seconds = time.perf_counter() - start
    return calls * len(images) * count_macs(model.to("meta"), (1, 32, 32, 32)) / seconds
