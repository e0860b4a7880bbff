"""Slicing: which cells can share weights, and the order of their paths from small to large.

In slimmable cells, the tensors of the largest path hold those of all others (`helixnas.supernet.slimmable`). A transformer
layer with heads of a fixed width has such slices: its first channels, heads and hidden units are a smaller layer.
"""

from collections.abc import Sequence

from helixnas.errors import SpaceError
from helixnas.space.architecture import Path
from helixnas.space.operation import Operation
from helixnas.space.search_space import Cell, SearchSpace

SLICED_KIND = "attention"
"""The kind of operation that can be sliced."""


def mlp_ratio_of(operation: Operation) -> float:
    """Return the MLP ratio of a transformer layer, by which candidates are ordered from small to large."""
    ratio = operation.option("mlp_ratio", 4.0)
    return ratio if isinstance(ratio, int | float) else 4.0


def largest_path(cell: Cell) -> Path:
    """Return the path of a cell with the largest operation in every layer.

    >>> from helixnas.space.vit import vit
    >>> largest_path(vit().blocks[0].cells[0]).text
    '224:attn_r4,attn_r4,attn_r4'
    """
    return cell.path_at([_ranked(layer)[-1] for layer in cell.layers])


def smallest_path(cell: Cell) -> Path:
    """Return the path of a cell with the smallest operation in every layer."""
    return cell.path_at([_ranked(layer)[0] for layer in cell.layers])


def _ranked(layer: Sequence[Operation]) -> list[int]:
    return sorted(range(len(layer)), key=lambda number: mlp_ratio_of(layer[number]))


def groups_by_depth(cells: Sequence[Cell]) -> list[tuple[Cell, ...]]:
    """Return the cells that can share weights: those of one depth, also within sections; in order of first appearance."""
    groups: dict[tuple[tuple[int, int], ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple((depth, stride) for _, stride, depth in cell.sections_at(0)), []).append(cell)
    return [tuple(group) for group in groups.values()]


def require_sliceable(space: SearchSpace) -> None:
    """Raise `SpaceError` if a layer of some block cannot be sliced; the message names it.

    >>> from helixnas.space.macro import macro
    >>> require_sliceable(macro())
    Traceback (most recent call last):
    helixnas.errors.SpaceError: supernet.slimmable needs layers of kind attention, but block 1 of space 'macro' offers
    identity of kind projection, which cannot be sliced; set supernet.slimmable to false
    """
    for number, block in enumerate(space.blocks, start=1):
        for operation in dict.fromkeys(op for cell in block.cells for layer in cell.layers for op in layer):
            where = f"block {number} of space {space.name!r} offers {operation.name}"
            if operation.kind != SLICED_KIND:
                raise SpaceError(
                    f"supernet.slimmable needs layers of kind {SLICED_KIND}, but {where} of kind {operation.kind}, which "
                    "cannot be sliced; set supernet.slimmable to false"
                )
            if operation.option("heads"):
                raise SpaceError(
                    f"supernet.slimmable needs heads of a fixed width, but {where} with heads={operation.option('heads')}, "
                    "whose width changes with that of the layer; give head_dim instead, or set supernet.slimmable to false"
                )
