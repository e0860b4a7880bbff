"""Shard: a part of the paths that are rated. Scores of paths depend on no other path, so a shard's are those of the whole."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from helixnas.space import Cell, Path
from helixnas.supernet import CellModule, Supernet, SupernetBlock


@dataclass(frozen=True)
class Piece:
    """Paths of one cell that are rated together, behind one previous width."""

    width: int
    """Previous width."""

    index: int
    """Number of the cell, from 0."""

    prefix: int
    """Number of the operation of the first layer, from 1; 0 for all paths."""

    cell: CellModule
    first_width: int
    """The block's first previous width; the scores of a cell that widens are the same behind all of them."""

    @property
    def is_copied(self) -> bool:
        """Whether the scores are those of the same paths behind the first previous width."""
        return self.cell.widens and self.width != self.first_width

    @property
    def paths(self) -> list[Path]:
        """The paths, in order."""
        return Shard(prefix=self.prefix).paths(self.cell.cell)


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

    def pieces(self, block: SupernetBlock, *, by_prefix: bool = False) -> list[Piece]:
        """Return what is rated of a block, in the order of its table: by previous width, then cell, then path.

        `by_prefix` divides the paths of a cell further, by the operation of their first layer.
        """
        first = block.previous_widths[0]
        return [
            Piece(width, index, prefix, cell, first)
            for width in block.previous_widths
            for index, cell in self.cells(block)
            for prefix in (range(1, len(cell.cell.layers[0]) + 1) if by_prefix and not self.prefix else (self.prefix,))
        ]

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


def share_out(sizes: Sequence[int], number: int) -> list[int]:
    """Return who of `number`, from 0, takes each of some pieces of work of these sizes, so that all have about as much.

    The largest goes first, and to whom has least.

    >>> share_out([1, 5, 2, 3], 2)
    [0, 0, 1, 1]
    """
    loads = [(0, taker) for taker in range(number)]
    takers = [0] * len(sizes)
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        load, takers[place] = heapq.heappop(loads)
        heapq.heappush(loads, (load + sizes[place], takers[place]))
    return takers
