"""DNA++: each block of the teacher and of the supernet learns from the other, without labels (Sec. 3.5, Eq. 10 and 11).

Per block, the student's drawn path receives Y_{k-1} of one view, detached; its projected output is compared with the
teacher side's projection of Y_k of the other view, and the same with the views swapped. The loss trains the path, both
projection heads, and block k of the teacher.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from helixnas.data import ImageSet
from helixnas.distill.cells import draw_cell, draw_shared
from helixnas.distill.collapse import Health, look
from helixnas.distill.config import (
    SANDWICH_NEEDS_SLICES,
    CollapseConfig,
    DistillConfig,
    ProjectorConfig,
    VicregConfig,
)
from helixnas.distill.learning_teacher import LearningTeacher
from helixnas.distill.loop import Distillation
from helixnas.distill.objective import Features, Student
from helixnas.distill.optimizers.choice import build_optimizer, build_sliced_optimizer, learning_rate
from helixnas.distill.optimizers.sliced import SlicedOptimizer
from helixnas.distill.sampling import Draw
from helixnas.distill.unit import TrainingUnit
from helixnas.distill.vicreg import vicreg_terms
from helixnas.engine.distributed.gather import gather_batch
from helixnas.engine.distributed.parallel import DataParallel, part_of
from helixnas.engine.runtime import Runtime
from helixnas.errors import ConfigError
from helixnas.nn import BlockHeads, ProjectionHead, build_seeded
from helixnas.space import Path
from helixnas.supernet import Slice, SlimmableCells, Supernet, SupernetBlock
from helixnas.teacher import Teacher
from helixnas.teacher.ownership import block_parameters

HEAD_STREAM = 7
"""Second word of a seed sequence; makes the heads' weights and noise independent of other streams."""


class Embeddings(NamedTuple):
    """Embeddings of the images of a step by both sides of a block, without gradients; one by each path of the student side."""

    teacher: tuple[Tensor, ...]
    student: tuple[Tensor, ...]


@dataclass(eq=False)
class SelfSupervisedObjective:
    """Eq. 10 + 11 for one block: a single loss, summed over the drawn students and averaged over the two directions.

    `last` are the embeddings of the step before: of the second view on the teacher side, of the first by every student.
    """

    block: int
    heads: BlockHeads
    _: KW_ONLY
    config: VicregConfig
    last: Embeddings | None = field(default=None, init=False)

    def __call__(self, students: Sequence[Student], views: Sequence[Features]) -> Iterator[Tensor]:
        """Yield the loss; what students receive is detached, and the loss reaches what the teacher's Y_k depends on."""
        first, second = views
        received = [view[self.block - 1].detach() for view in (first, second)]
        z_first, z_second = (self.heads.teacher(view[self.block]) for view in (first, second))
        total = torch.zeros((), device=z_first.device)
        found: list[Tensor] = []
        for student in students:
            found_first, found_second = (self.heads.student(student(features)) for features in received)
            for z, z_hat in ((z_second, found_first), (z_first, found_second)):
                total = total + vicreg_terms(z, z_hat, config=self.config).total(self.config) / 2
            found.append(found_first.detach())
        self.last = Embeddings((z_second.detach(),), tuple(found))
        yield total


def build_self_supervised(
    teacher: Teacher,
    supernet: Supernet,
    images: ImageSet,
    *,
    config: DistillConfig,
    runtime: Runtime,
    seed: int,
    parallel: DataParallel | None = None,
) -> Distillation:
    """Return the joint training of a teacher and the cells of a supernet, both in place, one unit per block.

    The teacher must pass its blocks' outputs on detached. The seed decides order, views, draws, and the heads' weights. Several
    processes may train together (`parallel`).

    Raises:
        ConfigError: there are fewer images than one batch holds, or sandwich is asked of cells that do not share weights.
        TeacherError: the teacher's blocks share parameters, so they cannot learn apart.
    """
    units = [
        _unit(block, teacher, parameters, config=config, runtime=runtime, seed=seed)
        for block, parameters in zip(supernet, block_parameters(teacher), strict=True)
    ]
    part = part_of(parallel)
    source = LearningTeacher(teacher, images, batch_size=config.batch_size, runtime=runtime, seed=seed, part=part)
    return Distillation(source, units, config=config, runtime=runtime, learner=teacher.model, parallel=parallel)


def _unit(
    block: SupernetBlock,
    teacher: Teacher,
    parameters: Sequence[Parameter],
    *,
    config: DistillConfig,
    runtime: Runtime,
    seed: int,
) -> TrainingUnit:
    """Return the unit of all cells of a block, its heads, and the `parameters` of the teacher's block."""
    slimmable = [part for part in block.cells if isinstance(part, SlimmableCells)]
    if config.sampling == "sandwich" and not slimmable:
        raise ConfigError(SANDWICH_NEEDS_SLICES)
    width = teacher.widths[block.number - 1]
    heads = runtime.place(build_heads(width, block.number, config=config.projector, seed=seed))
    module = nn.ModuleDict({"cells": block, "heads": heads})
    objective = SelfSupervisedObjective(block.number, heads, config=config.vicreg)
    trained = [*module.parameters(), *parameters]
    if slimmable:
        optimizer = build_sliced_optimizer(trained, config, block.number)
        announcing: dict[str, Any] = {"announce": partial(_announce, block, optimizer)}
    else:
        optimizer, announcing = build_optimizer(trained, config, block.number), {}
    return TrainingUnit(
        module,
        forward=partial(_forward, block),
        block=block.number,
        index=0,
        draw=partial(_draw, block, config, seed),
        objective=objective,
        optimizer=optimizer,
        lr=partial(learning_rate, config, block.number),
        watch=partial(watch_embeddings, objective, config.collapse),
        **announcing,
    )


def build_heads(channels: int, block: int, *, config: ProjectorConfig, seed: int) -> BlockHeads:
    """Return the heads of block number `block`, whose two sides have different weights that depend on the seed."""

    def head(side: int) -> ProjectionHead:
        return ProjectionHead(
            channels,
            expansion=config.expansion,
            widths=config.widths,
            noise=config.noise,
            noise_seed=(seed, HEAD_STREAM, block, side),
        )

    return build_seeded(lambda: BlockHeads(head(1), head(2)), (seed, HEAD_STREAM, block, 1))


def watch_embeddings(objective: SelfSupervisedObjective, config: CollapseConfig, step: int, is_last: bool) -> Health:
    """Return what the embeddings of the last step show, every `config.every` steps and in the last; else nothing."""
    if objective.last is None or (step % config.every and not is_last):
        return Health({})
    sides = {side: [gather_batch(each) for each in found] for side, found in objective.last._asdict().items()}
    return look(objective.block, sides, step=step, config=config)


def _forward(block: SupernetBlock, features: Tensor, path: Path, previous_width: int, *suffix: bool) -> Tensor:
    return block.part_of(path)(features, path, previous_width, *suffix)


def _announce(block: SupernetBlock, optimizer: SlicedOptimizer, draws: Sequence[Draw]) -> None:
    """Tell the optimizer which slices of the cells that share weights are drawn; heads and teacher are stepped whole."""
    slices: list[Slice] = []
    for draw in draws:
        part = block.part_of(draw.path)
        assert isinstance(part, SlimmableCells), "a supernet is slimmable in all its cells or in none"
        slices.extend(part.slices(draw.path, draw.previous_width, draw.suffix))
    optimizer.expect(slices)


def _draw(block: SupernetBlock, config: DistillConfig, seed: int, step: int) -> tuple[Draw, ...]:
    draws: list[Draw] = []
    for index, part in enumerate(block.cells):
        if isinstance(part, SlimmableCells):
            draws.extend(draw_shared(block, part, step, config=config, seed=seed))
        else:
            draws.extend(draw_cell(block, index, step, config=config, seed=seed))
    return tuple(draws)
