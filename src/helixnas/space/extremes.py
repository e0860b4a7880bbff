"""The smallest and the largest network of a space, by depth, width, expansion and kernel."""

from helixnas.space.architecture import Architecture, Path
from helixnas.space.operation import Operation
from helixnas.space.search_space import Cell, SearchSpace


def smallest_of(space: SearchSpace) -> Architecture:
    """Return the network of a space whose every cost is the smallest, where costs grow with depth, width and operation."""
    return space.architecture(tuple(_path(min(block.cells, key=_size), first=True) for block in space.blocks))


def largest_of(space: SearchSpace) -> Architecture:
    """Return a network of the largest cells and operations."""
    return space.architecture(tuple(_path(max(block.cells, key=_size), first=False) for block in space.blocks))


def _size(cell: Cell) -> tuple[int, int]:
    return cell.depth * cell.width**2, cell.width


def _path(cell: Cell, *, first: bool) -> Path:
    pick = min if first else max
    return cell.path([pick(layer, key=_cost) for layer in cell.layers])


def _cost(operation: Operation) -> tuple[float, float]:
    expansion = operation.option("expansion") or operation.option("mlp_ratio") or 0
    return float(expansion), float(operation.option("kernel") or 0)
