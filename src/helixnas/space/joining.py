"""Joining blocks: the same layers in fewer blocks, to measure the effect of blocks (Sec. 3.1, 3.2).

Adjacent blocks become one, with a cell of its own weights for every combination of their cells. A space of one block is
single-path one-shot under a teacher. The networks stay the same: ``24:a,b 40:c`` is written ``24:a,b+40:c``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise, product
from math import prod
from typing import TypeVar

from helixnas.errors import SpaceError
from helixnas.space.architecture import Architecture, Path, Stage
from helixnas.space.search_space import Block, Cell, SearchSpace

T = TypeVar("T")

MOST_PATHS = 1_000_000
"""Largest number of paths of a joined block; rating evaluates every one."""


def join_blocks(space: SearchSpace, groups: Sequence[int]) -> SearchSpace:
    """Return the space with adjacent blocks joined; `groups` holds the number of blocks in each new one.

    Raises `SpaceError` if the groups do not add up to the blocks, or a joined block would hold more paths than can be
    rated.

    >>> from helixnas.space import macro
    >>> joined = join_blocks(macro(), [2, 1])
    >>> [block.num_paths for block in joined.blocks], f"{joined.size:,}"
    ([189, 21], '3,969')
    """
    blocks: list[Block] = []
    for number, group in enumerate(_grouped(space.blocks, groups, space.name), start=1):
        paths = prod(block.num_paths for block in group)
        if len(group) > 1 and paths > MOST_PATHS:
            raise SpaceError(
                f"joined block {number} of space {space.name!r} would hold {paths:,} paths, and every one is rated; at most "
                f"{MOST_PATHS:,} can be: join fewer blocks, or take a space of fewer cells or operations"
            )
        blocks.append(group[0] if len(group) == 1 else _join(group))
    return SearchSpace(f"{space.name} in {'+'.join(map(str, groups))}", space.stem, tuple(blocks), space.head)


def join_architecture(architecture: Architecture, groups: Sequence[int]) -> Architecture:
    """Return the same network in the joined space; raises `SpaceError` if the groups do not fit.

    >>> from helixnas.space import from_code
    >>> join_architecture(from_code("22001000"), [2, 1]).text
    '64:mb6_k5,mb6_k5+128:identity,mb3_k3 256:identity'
    """
    grouped = _grouped(architecture.blocks, groups, architecture.text)
    stages = tuple(group[0] if len(group) == 1 else _join_stages(group) for group in grouped)
    return replace(architecture, blocks=stages)


def split_architecture(architecture: Architecture) -> Architecture:
    """Return the same network with a block for every section: undo `join_architecture`."""
    return replace(architecture, blocks=tuple(part for stage in architecture.blocks for part in _split(stage)))


def groups_of(space: SearchSpace) -> tuple[int, ...]:
    """Return the number of blocks that each block of a space was joined from; 1 if it was not joined."""
    return tuple(max(1, len(block.cells[0].sections)) for block in space.blocks)


def _grouped(items: Sequence[T], groups: Sequence[int], name: str) -> list[Sequence[T]]:
    if not groups or min(groups) < 1 or sum(groups) != len(items):
        raise SpaceError(
            f"groups {list(groups)} must be numbers from 1 that add up to the {len(items)} blocks of {name!r}"
        )
    ends = [0, *(sum(groups[: number + 1]) for number in range(len(groups)))]
    return [items[start:end] for start, end in pairwise(ends)]


def _join(group: Sequence[Block]) -> Block:
    strides = [block.stride for block in group]
    cells = tuple(_join_cells(cells, strides) for cells in product(*(block.cells for block in group)))
    return Block(prod(strides), cells)


def _join_cells(cells: Sequence[Cell], strides: Sequence[int]) -> Cell:
    sections = tuple(chain.from_iterable(map(Cell.sections_at, cells, strides)))
    ties = tuple(number for cell in cells for number in cell.ties or (1,) * cell.depth)
    layers = tuple(layer for cell in cells for layer in cell.layers)
    return Cell(cells[-1].width, layers, sections, ties if any(cell.ties for cell in cells) else ())


def _join_stages(group: Sequence[Stage]) -> Stage:
    sections = tuple(section for stage in group for section in stage.sections)
    operations = tuple(operation for stage in group for operation in stage.path.operations)
    return Stage(prod(stage.stride for stage in group), Path(group[-1].path.width, operations, sections))


def _split(stage: Stage) -> Iterator[Stage]:
    operations = stage.path.operations
    for width, stride, depth in stage.sections:
        yield Stage(stride, Path(width, operations[:depth]))
        operations = operations[depth:]
