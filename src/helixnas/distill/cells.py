"""The paper's training units: one per cell, on the features of a frozen teacher (Sec. 3.3, Eq. 6)."""

import math
from collections.abc import Iterable
from functools import partial

import torch

from helixnas.data import ImageSet
from helixnas.distill.config import DistillConfig
from helixnas.distill.features import FrozenTeacher
from helixnas.distill.loop import Distillation
from helixnas.distill.objective import feature_objective
from helixnas.distill.sampling import Draw, draw_paths
from helixnas.distill.unit import TrainingUnit
from helixnas.engine.runtime import Runtime
from helixnas.supernet import Supernet, SupernetBlock
from helixnas.teacher import Teacher


def build_distillation(
    teacher: Teacher,
    supernet: Supernet,
    images: ImageSet,
    *,
    config: DistillConfig,
    runtime: Runtime,
    seed: int,
    blocks: Iterable[int] | None = None,
) -> Distillation:
    """Return the distillation of a frozen teacher's features into the cells of a supernet, which is trained in place.

    The seed decides order, augmentation and draws; `blocks` are the numbers of the blocks to train, all by default. Raises
    `ConfigError` if there are fewer images than one batch holds.
    """
    numbers = {block.number for block in supernet} if blocks is None else set(blocks)
    chosen = [block for block in supernet if block.number in numbers]
    units = [unit for block in chosen for unit in build_units(block, config=config, seed=seed)]
    source = FrozenTeacher(teacher, images, batch_size=config.batch_size, runtime=runtime, seed=seed)
    return Distillation(source, units, config=config, runtime=runtime)


def build_units(block: SupernetBlock, *, config: DistillConfig, seed: int) -> list[TrainingUnit]:
    """Return one unit per cell of a block, each with its own optimiser and draws."""
    lr = partial(learning_rate, config, block.number)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return [
        TrainingUnit(
            cell,
            forward=cell,
            block=block.number,
            index=index,
            draw=partial(draw_cell, block, index, config=config, seed=seed),
            objective=feature_objective(block.number),
            optimizer=kind(cell.parameters(), lr=lr(0.0), weight_decay=config.weight_decay, fused=True),
            lr=lr,
        )
        for index, cell in enumerate(block)
    ]


def draw_cell(
    block: SupernetBlock, index: int, step: int, *, config: DistillConfig, seed: int, previous_width: int | None = None
) -> tuple[Draw, ...]:
    """Return the paths that cell `index` of a block trains in a step, after any previous width or after the given one."""
    return draw_paths(
        list(block)[index].cell,
        block.previous_widths if previous_width is None else (previous_width,),
        sampling=config.sampling,
        seed=seed,
        block=block.number,
        index=index,
        step=step,
    )


def learning_rate(config: DistillConfig, block: int, epoch: float) -> float:
    """Return the learning rate of a block after `epoch` epochs, with fractions.

    >>> learning_rate(DistillConfig(lr=0.5, lr_schedule="cosine", num_epochs=4), 2, 2.0)
    0.25
    """
    start = config.first_block_lr if block == 1 else config.lr
    if config.lr_schedule == "cosine":
        return start * (1 + math.cos(math.pi * epoch / config.num_epochs)) / 2
    return start * config.lr_decay ** math.floor(epoch)
