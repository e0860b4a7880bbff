"""Search space: blocks of cells of layers of candidate operations (Sec. 3.2, 3.3).

Depth and width are searched by giving a block several *cells*, each with its own number of layers, width and weights. An
identity operation instead would give one network two names, {conv, identity, conv} and {conv, conv, identity}, and one
layer two roles. A path belongs to exactly one cell, identified by width and depth.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, product
from operator import mul
from typing import TYPE_CHECKING

from helixnas.errors import SpaceError
from helixnas.space.architecture import (
    Architecture,
    Head,
    LayerPlace,
    Path,
    Section,
    Stage,
    check_names,
    check_sections,
    layer_places,
    operations_named,
)
from helixnas.space.operation import Operation

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Cell:
    """Layers of one width, each with its own candidate operations.

    >>> k3, k5 = (Operation.of(f"mb3_k{k}", kind="mbconv", kernel=k, expansion=3) for k in (3, 5))
    >>> [path.text for path in Cell(24, ((k3, k5), (k3,))).paths()]
    ['24:mb3_k3,mb3_k3', '24:mb3_k5,mb3_k3']
    """

    width: int
    layers: tuple[tuple[Operation, ...], ...]
    sections: tuple[Section, ...] = ()
    """Where blocks were joined, the widths and strides of their layers; empty: all of `width`, the block's stride first."""

    ties: tuple[int, ...] = ()
    """Numbers of adjacent layers that take the same operation, first to last: (3,) for a cell of 3 layers with one choice;
    empty: every layer chooses for itself."""

    def __post_init__(self) -> None:
        if self.width < 1:
            raise SpaceError(f"a cell's width must be at least 1 channel, not {self.width}")
        check_sections(self.sections, width=self.width, depth=len(self.layers))
        if not self.layers or not all(self.layers):
            raise SpaceError(f"every layer of the cell of width {self.width} needs at least one operation")
        for number, layer in enumerate(self.layers, start=1):
            names = [operation.name for operation in layer]
            if len(set(names)) < len(names):
                raise SpaceError(f"layer {number} of the cell of width {self.width} names an operation twice: {names}")
        self._check_ties()

    def _check_ties(self) -> None:
        if self.ties and (sum(self.ties) != self.depth or min(self.ties) < 1):
            raise SpaceError(
                f"ties {list(self.ties)} of the cell of width {self.width} must be numbers from 1 that add up to its "
                f"{self.depth} layers"
            )
        for number, leader in enumerate(self.leaders):
            if self.layers[number] != self.layers[leader]:
                raise SpaceError(
                    f"layers {leader + 1} and {number + 1} of the cell of width {self.width} are tied, so they must have "
                    "the same operations in the same order"
                )

    @cached_property
    def leaders(self) -> tuple[int, ...]:
        """For every layer, the number (from 0) of the layer whose choice it takes: its own, or the first it is tied to."""
        starts = accumulate(self.ties, initial=0)
        tied = tuple(start for start, number in zip(starts, self.ties, strict=False) for _ in range(number))
        return tied or tuple(range(self.depth))

    @property
    def choices(self) -> tuple[int, ...]:
        """For every layer, the number of operations to choose from once the layers before it have theirs; 1 if tied."""
        return tuple(
            len(layer) if leader == number else 1
            for number, (layer, leader) in enumerate(zip(self.layers, self.leaders, strict=True))
        )

    def followers(self, operations: Sequence[Operation]) -> tuple[Operation, ...]:
        """Return the operations that the layer after these may take: its candidates, or the one it is tied to."""
        number = len(operations)
        leader = self.leaders[number]
        return self.layers[number] if leader == number else (operations[leader],)

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.layers)

    @property
    def depths(self) -> str:
        """The number of layers as text: ``3``, or ``1+2`` where blocks were joined."""
        return "+".join(str(section.depth) for section in self.sections) or str(self.depth)

    @property
    def num_paths(self) -> int:
        """The number of ways to choose one operation per layer, or per tied layers."""
        return math.prod(self.choices)

    def paths(self) -> Iterator[Path]:
        """Yield every path, the last layer varying fastest: the leaves of Alg. 1's tree in depth-first order."""
        for choices in product(*map(range, self.choices)):
            yield self.path_at(choices)

    def path(self, operations: Sequence[Operation]) -> Path:
        """Return the path of one operation per layer; whether they are candidates is not checked."""
        return Path(self.width, tuple(operations), self.sections)

    def path_at(self, choices: Sequence[int]) -> Path:
        """Return the path of a number per layer, from 0 below `choices`; that of a tied layer is ignored.

        >>> k3, k5 = (Operation.of(f"mb3_k{k}", kind="mbconv", kernel=k, expansion=3) for k in (3, 5))
        >>> Cell(24, ((k3, k5),) * 3, ties=(2, 1)).path_at((1, 0, 0)).text
        '24:mb3_k5,mb3_k5,mb3_k3'
        """
        return self.path([layer[choices[leader]] for layer, leader in zip(self.layers, self.leaders, strict=True)])

    @property
    def shape(self) -> tuple[int, int, tuple[Section, ...]]:
        """Width, depth and sections: unique among the cells of a block, so a path belongs to one cell."""
        return self.width, self.depth, self.sections

    def sections_at(self, stride: int) -> tuple[Section, ...]:
        """Return the sections in a block of this stride, one where no blocks were joined."""
        return self.sections or (Section(self.width, stride, self.depth),)

    def places(self, in_width: int, stride: int) -> tuple[LayerPlace, ...]:
        """Return the place of every layer in a block of this stride that receives `in_width` channels."""
        return layer_places(in_width, self.sections_at(stride))


MOST_LAYERS = 1000
"""Largest number of layers of a cell; more is probably a typo."""


def alike_layers(operations: tuple[Operation, ...], number: int) -> tuple[tuple[Operation, ...], ...]:
    """Return layers that all choose among the same operations; raises `SpaceError` unless there are 1 to 1,000."""
    if not 1 <= number <= MOST_LAYERS:
        raise SpaceError(f"a cell has 1 to {MOST_LAYERS:,} layers, not {number:,}")
    return (operations,) * number


@dataclass(frozen=True)
class Block:
    """Cells side by side; a network takes one path of one of them. The first layer carries the stride."""

    stride: int
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise SpaceError(f"a block's stride must be at least 1, not {self.stride}")
        if not self.cells:
            raise SpaceError("a block needs at least one cell")
        shapes = [cell.shape for cell in self.cells]
        if len(set(shapes)) < len(shapes):
            raise SpaceError(
                f"two cells of one block have the same width and depth, so a path would not say which: "
                f"{[shape[:2] for shape in shapes]}"
            )

    @property
    def num_paths(self) -> int:
        """The number of paths in all cells."""
        return sum(cell.num_paths for cell in self.cells)

    @property
    def widths(self) -> tuple[int, ...]:
        """The distinct widths of the cells, ascending."""
        return tuple(sorted({cell.width for cell in self.cells}))

    def paths(self) -> Iterator[Path]:
        """Yield every path, cell by cell."""
        for cell in self.cells:
            yield from cell.paths()

    def path(self, index: int) -> Path:
        """Return the path at position `index` of `paths()` without walking there."""
        if not 0 <= index < self.num_paths:
            raise SpaceError(f"path index {index} is outside 0 .. {self.num_paths - 1}")
        for cell in self.cells:
            if index < cell.num_paths:
                chosen: list[int] = []
                for number in reversed(cell.choices):
                    index, position = divmod(index, number)
                    chosen.append(position)
                return cell.path_at(chosen[::-1])
            index -= cell.num_paths
        raise AssertionError("unreachable: the index was checked")

    def cell_of(self, path: Path) -> Cell | None:
        """Return the cell that holds `path`, if any."""
        for cell in self.cells:
            if cell.shape == (path.width, path.depth, path.sections):
                chosen = path.operations
                fits = all(op in layer for op, layer in zip(chosen, cell.layers, strict=True))
                tied = all(op == chosen[leader] for op, leader in zip(chosen, cell.leaders, strict=True))
                return cell if fits and tied else None
        return None


@dataclass(frozen=True)
class SearchSpace:
    """Every network made of a fixed stem, one path per block, and a fixed head."""

    name: str
    stem: tuple[Stage, ...]
    blocks: tuple[Block, ...]
    head: Head = Head()

    def __post_init__(self) -> None:
        if not self.blocks:
            raise SpaceError(f"space {self.name!r} needs at least one block")
        if not self.stem:
            raise SpaceError(f"space {self.name!r} needs a stem, for example a 3x3 convolution")
        check_names(self.operations, f"space {self.name!r}")

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every distinct operation, the stem's first."""
        stem = (operation for stage in self.stem for operation in stage.path.operations)
        searched = (op for block in self.blocks for cell in block.cells for layer in cell.layers for op in layer)
        return tuple(dict.fromkeys((*stem, *searched)))

    @property
    def size(self) -> int:
        """The exact number of architectures."""
        return math.prod(block.num_paths for block in self.blocks)

    @property
    def stem_width(self) -> int:
        """Channels that block 1 receives."""
        return self.stem[-1].path.width

    @property
    def stem_stride(self) -> int:
        """Total stride of the stem."""
        return math.prod(stage.stride for stage in self.stem)

    @property
    def strides(self) -> tuple[int, ...]:
        """Cumulative stride of every block relative to the image, including the stem: the strides of Y_1 .. Y_N."""
        return tuple(accumulate((block.stride for block in self.blocks), mul, initial=self.stem_stride))[1:]

    def previous_widths(self, block: int) -> tuple[int, ...]:
        """Return the widths that block number `block` (1 .. N) may receive from the block before it, ascending."""
        if not 1 <= block <= len(self.blocks):
            raise SpaceError(f"space {self.name!r} has blocks 1 .. {len(self.blocks)}, not {block}")
        return (self.stem_width,) if block == 1 else self.blocks[block - 2].widths

    def architecture(self, paths: tuple[Path, ...]) -> Architecture:
        """Return the network with one path per block; raises `SpaceError` if one is missing or not of its block."""
        if len(paths) != len(self.blocks):
            raise SpaceError(f"space {self.name!r} has {len(self.blocks)} blocks, but {len(paths)} paths were given")
        for number, (block, path) in enumerate(zip(self.blocks, paths, strict=True), start=1):
            if block.cell_of(path) is None:
                shapes = ", ".join(f"{cell.depth} layers of width {cell.width}" for cell in block.cells)
                raise SpaceError(
                    f"path {path.text!r} is not in block {number} of space {self.name!r}: its cells have {shapes}"
                )
        stages = tuple(Stage(block.stride, path) for block, path in zip(self.blocks, paths, strict=True))
        return Architecture(self.stem, stages, self.head)

    def sample(self, rng: "np.random.Generator") -> Architecture:
        """Draw an architecture uniformly from the whole space."""
        return self.architecture(tuple(block.path(int(rng.integers(block.num_paths))) for block in self.blocks))

    def parse(self, text: str) -> Architecture:
        """Read the text form of an architecture of this space.

        Raises:
            SpaceError: the text is malformed, or names a path that its block does not hold.
            UnknownNameError: an operation is not of this space.
        """
        return self.architecture(tuple(self.parse_path(part) for part in text.split()))

    def parse_path(self, text: str) -> Path:
        """Read the text form of a path, ``24:mb3_k5,mb6_k3``, without checking that a block holds it.

        The strides of a path of joined blocks, ``24:mb3_k5+40:mb6_k3``, are those of the first cell with such sections.
        """
        parts = [self._parse_section(part) for part in text.split("+")]
        if len(parts) == 1:
            return parts[0]
        widths = [(part.width, part.depth) for part in parts]
        for cell in (cell for block in self.blocks for cell in block.cells):
            if [(section.width, section.depth) for section in cell.sections] == widths:
                return cell.path([operation for part in parts for operation in part.operations])
        raise SpaceError(f"no cell of space {self.name!r} has the sections of path {text!r}")

    def _parse_section(self, text: str) -> Path:
        width, colon, names = text.partition(":")
        if not colon or not width.isdecimal():
            raise SpaceError(f"{text!r} is not a path; write width:operation,operation,... as in 24:mb3_k5,mb6_k3")
        known = {operation.name: operation for operation in self.operations}
        return Path(int(width), operations_named(names.split(","), known))

    def __contains__(self, architecture: object) -> bool:
        if not isinstance(architecture, Architecture) or len(architecture.blocks) != len(self.blocks):
            return False
        if architecture.stem != self.stem or architecture.head != self.head:
            return False
        pairs = zip(self.blocks, architecture.blocks, strict=True)
        return all(block.stride == stage.stride and block.cell_of(stage.path) is not None for block, stage in pairs)
