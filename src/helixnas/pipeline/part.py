"""Part: a block of a stage, a cell of it, the paths of a cell that begin with one operation, or a network, as a job of its own.

Blocks share nothing but the teacher's features, and so do cells with weights of their own; scores of paths depend on no other
path, and short trainings of networks on no other network. So a part computes what it would compute within the whole, bit for bit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from helixnas.errors import UnknownNameError
from helixnas.pipeline.recipe import Recipe
from helixnas.space.slicing import groups_by_depth

Size = Literal["block", "cell", "prefix"]
"""How much a part holds."""

SIZES: tuple[Size, ...] = ("block", "cell", "prefix")

Divided = Literal["distill", "rate", "calibrate"]
"""A stage that has parts."""


@dataclass(frozen=True)
class Part:
    """A part of a stage; blocks, cells and prefixes are counted from 1, and 0 stands for all.

    >>> Part("rate", 2, 1, 3).name
    'rate-2-cell-1-prefix-3'
    >>> Part("calibrate", network=7).name
    'calibrate-7'
    """

    stage: Divided
    block: int = 0
    cell: int = 0
    """Of cells that share weights, which are trained together, the first."""

    prefix: int = 0
    """Number of the operation of the first layer."""

    network: int = 0
    """Of calibration: which of its networks, counted from 1."""

    @property
    def name(self) -> str:
        """Name of the job."""
        if self.network:
            return f"{self.stage}-{self.network}"
        cell = f"-cell-{self.cell}" if self.cell else ""
        return f"{self.stage}-{self.block}{cell}" + (f"-prefix-{self.prefix}" if self.prefix else "")


def parts_of(recipe: Recipe, stage: Divided, size: Size = "block") -> list[Part]:
    """Return the parts of a stage, in the order of their results; a stage that cannot be divided so finely has larger ones.

    The parts of calibration are its networks, whatever the size.
    """
    if stage == "calibrate":
        return [Part(stage, network=number) for number in range(1, recipe.calibration.num_networks + 1)]
    space, found = recipe.search_space, list[Part]()
    for number, block in enumerate(space.blocks, start=1):
        if size == "block":
            found.append(Part(stage, number))
            continue
        cells = list(block.cells)
        if stage == "distill" and recipe.supernet.slimmable:
            cells = [group[0] for group in groups_by_depth(cells)]
        for cell in cells:
            index = block.cells.index(cell) + 1
            if size == "cell" or stage == "distill":
                found.append(Part(stage, number, index))
            else:
                found += [Part(stage, number, index, one) for one in range(1, len(cell.layers[0]) + 1)]
    return found


def find_part(recipe: Recipe, name: str) -> Part:
    """Return the part with a name; raises `UnknownNameError` if the recipe has none."""
    stages: Sequence[Divided] = ("distill", "rate", "calibrate")
    known = {part.name: part for stage in stages for size in SIZES for part in parts_of(recipe, stage, size)}
    if name not in known:
        raise UnknownNameError("job", name, [each for each in known if not re.search("cell", each) or "cell" in name])
    return known[name]
