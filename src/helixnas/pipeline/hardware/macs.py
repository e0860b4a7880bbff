"""Multiply-adds of the blocks of a space as its supernet trains and rates them: of mean paths, prefixes shared.

All are per image and of forward passes. They are the work from which times are estimated.
"""

from dataclasses import dataclass

import numpy as np

from helixnas.artifacts import CostTable
from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.run_folder import RunFolder
from helixnas.distill import num_draws
from helixnas.errors import ArtifactError
from helixnas.jobs.scaling import JobSizes
from helixnas.pipeline.part import SIZES, Divided, Part, parts_of
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stages.wording import BACKWARD
from helixnas.space import Block
from helixnas.space.slicing import groups_by_depth


@dataclass(frozen=True)
class CellMacs:
    """Multiply-adds per image of a cell."""

    mean: float
    """Of a mean path."""

    rated: float
    """Of all its paths after every previous width, prefixes shared."""


def cell_macs(block: Block, costs: dict[tuple[int, str], int]) -> list[CellMacs]:
    """Return the multiply-adds of every cell of a block; `costs` are those of its paths by (previous width, text)."""
    found: list[CellMacs] = []
    widths = {width for width, _ in costs}
    for cell in block.cells:
        texts = [path.text for path in cell.paths()]
        of_paths = [costs[width, text] for width in widths for text in texts]
        mean, depth = float(np.mean(of_paths)), max(1, len(cell.layers))
        nodes, prefixes = 0, len(widths)
        for number in cell.choices:
            prefixes *= number
            nodes += prefixes
        found.append(CellMacs(mean, mean * nodes / depth))
    return found


def block_costs(table: CostTable, number: int) -> dict[tuple[int, str], int]:
    """Return the multiply-adds of a block's paths by (previous width, text of the path)."""
    macs = table.resource("macs")
    return {(int(table.previous_width[row]), table.path[row]): int(macs[row]) for row in table.rows(number)}


def group_macs(recipe: Recipe, number: int, cells: list[CellMacs]) -> dict[int, float]:
    """Return the multiply-adds that a step of distillation spends on each group of cells that draw together.

    Keys are positions of a group's first cell, from 1; cells draw alone unless they share weights.
    """
    space, slimmable = recipe.search_space, recipe.supernet.slimmable
    block, widths = space.blocks[number - 1], space.previous_widths(number)
    groups = groups_by_depth(block.cells) if slimmable else [(cell,) for cell in block.cells]
    found = dict[int, float]()
    for group in groups:
        places = [block.cells.index(cell) for cell in group]
        drawn = num_draws(group, widths, recipe.distill, slimmable=slimmable)
        found[places[0] + 1] = drawn * float(np.mean([cells[place].mean for place in places]))
    return found


def save_job_sizes(recipe: Recipe, folder: RunFolder, stage: Divided) -> None:
    """Note the multiply-adds of the jobs of distill or rate, by size, for the simulation in the report; no costs, no note.

    The teacher's pass is part of every job.
    """
    try:
        record = folder.load_record()
        table = load_costs(folder, record)
        teacher = float(record.stages["teacher"].facts.get("macs", 0.0))
    except (ArtifactError, KeyError):
        return
    macs: dict[str, dict[str, float]] = {}
    for size in SIZES:
        parts = parts_of(recipe, stage, size)
        macs[size] = {part.name: teacher + _part_macs(recipe, part, table) for part in parts}
    JobSizes(stage=stage, macs=macs).save(JobSizes.file(folder, stage))


def _part_macs(recipe: Recipe, part: Part, table: CostTable) -> float:
    block = recipe.search_space.blocks[part.block - 1]
    cells = cell_macs(block, block_costs(table, part.block))
    if part.stage == "distill":
        groups = group_macs(recipe, part.block, cells)
        return (1 + BACKWARD) * (groups[part.cell] if part.cell else sum(groups.values()))
    if not part.cell:
        return sum(cell.rated for cell in cells)
    rated = cells[part.cell - 1].rated
    return rated / len(block.cells[part.cell - 1].layers[0]) if part.prefix else rated
