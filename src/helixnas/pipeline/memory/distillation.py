"""Memory of distillation, counted on the meta device: weights with optimizer, features, and graphs.

A graph is what autograd saves between forward and backward pass. Under a fixed teacher one path's graph is alive at a time.
Where the teacher learns too (DNA++), a step holds the teacher's graph of both views, and for one block at a time those
of all drawn paths and of the projection heads, because their losses are summed before the backward pass.
"""

import torch
from torch import Tensor

from helixnas.distill import build_heads, num_draws
from helixnas.distill.learning_teacher import NUM_VIEWS
from helixnas.nn import ProjectionHead, count_params, saved_by, without_values
from helixnas.pipeline.estimate import Sketch
from helixnas.pipeline.memory.need import Bytes
from helixnas.pipeline.recipe import Recipe
from helixnas.space.slicing import groups_by_depth
from helixnas.supernet import CellModule, SupernetBlock
from helixnas.teacher import count_teacher

FLOAT = 4
"""Bytes of a value in float32."""

COPIES = {"adam": 4, "adamw": 4, "lars": 3}
"""Values held per weight: itself, its gradient, and the optimizer's moments."""

CORRECTIONS = 2
"""Further values where cells share weights: their Adam holds two bias corrections per weight."""

EAGER = 2
"""Memory of feature maps without gradients, in times of the least that a runtime can reach (`count_all`), since PyTorch writes
beside its inputs: `python benchmarks/memory.py`."""

MATRICES = 4
"""Covariance matrices saved per drawn path of DNA++: of both sides, in both directions."""


def distill_bytes(drawn: Sketch, recipe: Recipe) -> Bytes:
    """Return the estimated peak memory of distillation; that of kernels and framework is not included.

    A fixed teacher's own pass comes before the graphs, so the larger of the two counts. Graphs are those of the largest
    paths. With progressive-a, there is one per block; otherwise, and with DNA++ for all paths of a block together, those of
    the block that needs most.
    """
    copies = _copies(recipe)
    weights, teacher = FLOAT * copies * count_params(drawn.supernet), FLOAT * count_params(drawn.teacher.model)
    images = torch.empty(1, 3, drawn.image_size, drawn.image_size, device="meta")
    with torch.no_grad():
        features = drawn.teacher.features(images)
    held = FLOAT * sum(feature.numel() for feature in features)
    if recipe.distill.is_self_supervised:
        heads = [_heads(drawn, recipe, block.number) for block in drawn.supernet]
        weights += copies * (teacher + FLOAT * sum(count_params(side) for pair in heads for side in pair))
        joint = [_joint_bytes(block, features, pair, recipe) for block, pair in zip(drawn.supernet, heads, strict=True)]
        fixed, graph = (max(each) for each in zip(*joint, strict=True))
        return Bytes(weights + fixed, graph + NUM_VIEWS * (held + teacher_graph_bytes(drawn)))
    graphs = [
        max(
            _saved_bytes(cell, features[block.number - 1], block.previous_widths[-1])[0]
            for cells in _parts(block, slimmable=recipe.supernet.slimmable)
            for cell in _largest(cells, slimmable=recipe.supernet.slimmable)
        )
        for block in drawn.supernet
    ]
    graph = sum(graphs) if recipe.distill.strategy == "progressive-a" else max(graphs)
    return Bytes(weights + teacher, max(graph + held, teacher_pass_bytes(drawn)))


def _copies(recipe: Recipe) -> int:
    """Return how many values distillation holds per weight that it trains."""
    optimizer = recipe.distill.optimizer
    corrections = CORRECTIONS if recipe.supernet.slimmable and optimizer != "lars" else 0
    return COPIES[optimizer] + corrections


def _heads(drawn: Sketch, recipe: Recipe, number: int) -> tuple[ProjectionHead, ProjectionHead]:
    with without_values():
        heads = build_heads(drawn.teacher.widths[number - 1], number, config=recipe.distill.projector, seed=0)
    return heads.teacher, heads.student


def _joint_bytes(
    block: SupernetBlock, features: tuple[Tensor, ...], heads: tuple[ProjectionHead, ProjectionHead], recipe: Recipe
) -> tuple[int, int]:
    """Return the bytes that a block of DNA++ holds whatever the batch, and those per image of both views."""
    config = recipe.distill
    received, given = features[block.number - 1], features[block.number]
    of_teacher, of_student = heads
    per_image, drawn = saved_by(lambda: of_teacher(_pair(given)))[0] // 2, 0
    for cells in _parts(block, slimmable=recipe.supernet.slimmable):
        shapes, slimmable = [each.cell for each in cells], recipe.supernet.slimmable
        number = num_draws(shapes, block.previous_widths, config, slimmable=slimmable)
        largest = _largest(cells, slimmable=slimmable)
        graphs = [_saved_bytes(cell, received, block.previous_widths[-1]) for cell in largest]
        graph, output = max(graphs, key=lambda each: each[0])
        head = saved_by(lambda output=output: of_student(output))[0] // 2
        per_image += number * (graph + head)
        drawn += number
    return FLOAT * MATRICES * drawn * config.projector.widths[-1] ** 2, NUM_VIEWS * per_image


def _parts(block: SupernetBlock, *, slimmable: bool) -> list[list[CellModule]]:
    """Return the cells that draw their paths together: those that share weights, else each alone."""
    if not slimmable:
        return [[cell] for cell in block]
    every = list(block)
    return [[each for each in every if each.cell in group] for group in groups_by_depth([each.cell for each in every])]


def _largest(cells: list[CellModule], *, slimmable: bool) -> list[CellModule]:
    """Return the cells of a part that can need most: of those that share weights, the widest, whose slices the others are."""
    return [max(cells, key=lambda each: each.cell.width)] if slimmable else cells


def teacher_pass_bytes(drawn: Sketch) -> int:
    """Return the bytes per image of the teacher's feature maps while it computes without gradients."""
    return EAGER * count_teacher(drawn.teacher, drawn.image_size)["activation_bytes"]


def teacher_graph_bytes(drawn: Sketch) -> int:
    """Return the bytes per image that autograd saves in the teacher, all blocks together."""
    model = drawn.teacher.model
    was_training, needed = model.training, [each.requires_grad for each in model.parameters()]
    images = torch.empty(2, 3, drawn.image_size, drawn.image_size, device="meta")
    try:
        model.train().requires_grad_(True)
        return saved_by(lambda: model(images))[0] // 2
    finally:
        model.train(was_training)
        for parameter, need in zip(model.parameters(), needed, strict=True):
            parameter.requires_grad_(need)


def _saved_bytes(cell: CellModule, features: Tensor, previous_width: int) -> tuple[int, Tensor]:
    """Return the bytes per image that autograd saves for the path of last operations, and its output for two images."""
    path = cell.cell.path_at([number - 1 for number in cell.cell.choices])
    found, output = saved_by(lambda: cell(_pair(features), path, previous_width))
    return found // 2, output


def _pair(features: Tensor) -> Tensor:
    return features.expand(2, -1, -1, -1)
