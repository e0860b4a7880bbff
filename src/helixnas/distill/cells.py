"""The units of the method: one per cell, or per depth of slimmable cells, on a frozen teacher's features (Sec. 3.3, Eq. 6)."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from helixnas.data import ImageSet
from helixnas.distill.config import SANDWICH_NEEDS_SLICES, DistillConfig
from helixnas.distill.feature_pool import FeaturePool
from helixnas.distill.features import FrozenTeacher
from helixnas.distill.loop import Distillation
from helixnas.distill.objective import feature_objective
from helixnas.distill.optimizers.choice import build_optimizer, build_sliced_optimizer, learning_rate
from helixnas.distill.pooled_teacher import PooledTeacher
from helixnas.distill.sampling import Draw, draw_paths, draw_slices
from helixnas.distill.unit import TrainingUnit
from helixnas.engine.distributed.parallel import DataParallel, part_of
from helixnas.engine.runtime import Runtime
from helixnas.errors import ConfigError
from helixnas.supernet import SlimmableCells, Supernet, SupernetBlock, SupernetCell
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
    cell: int | None = None,
    parallel: DataParallel | None = None,
    pool: FeaturePool | None = None,
) -> Distillation:
    """Return the distillation of a frozen teacher's features into the cells of a supernet, which is trained in place.

    A `pool` that is filled gives the features in the teacher's stead; `config.feature_cache` alone makes none.

    The seed decides order, augmentation and draws; `blocks` are the numbers of the blocks to train, all by default; `cell` is
    the number (from 0) of the only unit of each to train. Several processes may train together (`parallel`). Raises
    `ConfigError` if there are fewer images than one batch holds.
    """
    numbers = {block.number for block in supernet} if blocks is None else set(blocks)
    chosen = [block for block in supernet if block.number in numbers]
    units = [unit for block in chosen for unit in build_units(block, config=config, seed=seed)]
    units = [unit for unit in units if cell in (None, unit.index)]
    part = part_of(parallel)
    how: dict[str, Any] = {"batch_size": config.batch_size, "seed": seed, "part": part}
    source = (
        FrozenTeacher(teacher, images, runtime=runtime, **how) if pool is None else PooledTeacher(pool, images, **how)
    )
    return Distillation(source, units, config=config, runtime=runtime, parallel=parallel)


def build_units(block: SupernetBlock, *, config: DistillConfig, seed: int) -> list[TrainingUnit]:
    """Return one unit per cell of a block, or per depth where its cells share weights; each with its optimiser and draws.

    The unit of a depth has the number of its first cell. Raises `ConfigError` if sandwich is asked of cells that do not
    share weights.
    """
    if config.sampling == "sandwich" and not all(isinstance(part, SlimmableCells) for part in block.cells):
        raise ConfigError(SANDWICH_NEEDS_SLICES)
    return [
        _unit_of_slices(block, part, config=config, seed=seed)
        if isinstance(part, SlimmableCells)
        else _unit_of_cell(block, index, config=config, seed=seed)
        for index, part in enumerate(block.cells)
    ]


def _unit_of_cell(block: SupernetBlock, index: int, *, config: DistillConfig, seed: int) -> TrainingUnit:
    cell = block.cells[index]
    assert isinstance(cell, SupernetCell), "the other kind has units of its own"
    return TrainingUnit(
        cell,
        forward=cell,
        block=block.number,
        index=index,
        draw=partial(draw_cell, block, index, config=config, seed=seed),
        objective=feature_objective(block.number),
        optimizer=build_optimizer(cell.parameters(), config, block.number),
        lr=partial(learning_rate, config, block.number),
    )


def _unit_of_slices(block: SupernetBlock, shared: SlimmableCells, *, config: DistillConfig, seed: int) -> TrainingUnit:
    index = number_of(block, shared)
    optimizer = build_sliced_optimizer(shared.parameters(), config, block.number)

    def announce(draws: Sequence[Draw]) -> None:
        optimizer.expect(used for each in draws for used in shared.slices(each.path, each.previous_width, each.suffix))

    return TrainingUnit(
        shared,
        forward=shared,
        block=block.number,
        index=index,
        draw=partial(draw_shared, block, shared, config=config, seed=seed),
        objective=feature_objective(block.number),
        optimizer=optimizer,
        lr=partial(learning_rate, config, block.number),
        announce=announce,
    )


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


def draw_shared(
    block: SupernetBlock, shared: SlimmableCells, step: int, *, config: DistillConfig, seed: int
) -> tuple[Draw, ...]:
    """Return the paths that cells of a block which share weights train in a step."""
    return draw_slices(
        [each.cell for each in shared.cells],
        block.previous_widths,
        sampling=config.sampling,
        num_random=config.num_random,
        two_sided=shared.two_sided,
        seed=seed,
        block=block.number,
        index=number_of(block, shared),
        step=step,
    )


def number_of(block: SupernetBlock, shared: SlimmableCells) -> int:
    """Return the number (from 0) of the first of several cells that share weights, which is that of all of them."""
    return [each.cell for each in block].index(shared.cells[0].cell)
