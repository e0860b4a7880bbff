"""Part: one block of a stage, one cell of it, or the paths of a cell that begin with one operation, as a job of its own.

Blocks share nothing but the teacher's features, and so do cells with weights of their own; scores of paths depend on no other
path. So a part computes what it would compute within the whole, bit for bit.
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


@dataclass(frozen=True)
class Part:
    """A part of a stage; blocks, cells and prefixes are counted from 1, and 0 stands for all.

    >>> Part("rate", 2, 1, 3).name
    'rate-2-cell-1-prefix-3'
    """

    stage: Literal["distill", "rate"]
    block: int
    cell: int = 0
    """Of cells that share weights, which are trained together, the first."""

    prefix: int = 0
    """Number of the operation of the first layer."""

    @property
    def name(self) -> str:
        """Name of the job."""
        cell = f"-cell-{self.cell}" if self.cell else ""
        return f"{self.stage}-{self.block}{cell}" + (f"-prefix-{self.prefix}" if self.prefix else "")


def parts_of(recipe: Recipe, stage: Literal["distill", "rate"], size: Size) -> list[Part]:
    """Return the parts of a stage, in the order of their results; a stage that cannot be divided so finely has larger ones."""
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
    stages: Sequence[Literal["distill", "rate"]] = ("distill", "rate")
    known = {part.name: part for stage in stages for size in SIZES for part in parts_of(recipe, stage, size)}
    if name not in known:
        raise UnknownNameError("job", name, [each for each in known if not re.search("cell", each) or "cell" in name])
    return known[name]
