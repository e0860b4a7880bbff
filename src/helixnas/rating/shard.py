"""Shard: a part of the paths that are rated. Scores of paths depend on no other path, so a shard's are those of the whole."""

from collections.abc import Iterator
from dataclasses import dataclass

from helixnas.space import Cell, Path
from helixnas.supernet import CellModule, Supernet, SupernetBlock


@dataclass(frozen=True)
class Shard:
    """The paths of a block, of one of its cells, or of a cell from one first operation on; counted from 1, 0 for all."""

    block: int = 0
    cell: int = 0
    prefix: int = 0
    """Number of the operation of the first layer."""

    def blocks(self, supernet: Supernet) -> Iterator[SupernetBlock]:
        """Yield the blocks that are rated."""
        return (block for block in supernet if self.block in (0, block.number))

    def cells(self, block: SupernetBlock) -> list[tuple[int, CellModule]]:
        """Return the cells of a block that are rated, with their numbers from 0."""
        return [(index, cell) for index, cell in enumerate(block) if self.cell in (0, index + 1)]

    def paths(self, cell: Cell) -> list[Path]:
        """Return the paths of a cell that are rated, in order.

        >>> from helixnas.space import macro
        >>> cell = macro().blocks[0].cells[1]
        >>> [path.text for path in Shard(prefix=2).paths(cell)]
        ['64:mb3_k3,mb3_k3', '64:mb3_k3,mb6_k5']
        """
        if not self.prefix:
            return list(cell.paths())
        first = cell.layers[0][self.prefix - 1]
        return [path for path in cell.paths() if path.operations[0] == first]
