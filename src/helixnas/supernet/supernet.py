"""The supernet U = U_N o ... o U_1 (Eq. 2): independent blocks, each a set of cells with the same teacher features as input."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from torch import nn

from helixnas.errors import TeacherError
from helixnas.nn import build_seeded
from helixnas.space import Cell, Path, SearchSpace
from helixnas.space.grids import grid_of, whole_ratio
from helixnas.space.slicing import groups_by_depth, require_sliceable
from helixnas.supernet.cell import CellModule, SupernetCell
from helixnas.supernet.config import SupernetConfig
from helixnas.supernet.slimmable import SlimmableCells


class SupernetBlock(nn.Module):
    """The cells of one block, in the order of the space.

    `cells` are the modules that are trained and saved: cells with weights of their own, or `SlimmableCells`, of which each
    holds all cells of a depth. Iteration yields every cell; `order` holds the cells' shapes where modules hold several.
    """

    def __init__(
        self,
        number: int,
        cells: Sequence[SupernetCell | SlimmableCells],
        previous_widths: Sequence[int],
        *,
        order: Sequence[Cell] = (),
    ) -> None:
        super().__init__()
        self.number = number
        self.previous_widths = tuple(previous_widths)
        self.cells = nn.ModuleList(cells)
        single = [each for part in cells for each in (part.cells if isinstance(part, SlimmableCells) else (part,))]
        self._cells: tuple[CellModule, ...] = tuple(sorted(single, key=lambda each: _position(each.cell, order)))

    def __iter__(self) -> Iterator[CellModule]:
        return iter(self._cells)

    def compiled_parts(self) -> Iterable[nn.Module]:
        """Return its cells, whose layers are compiled one by one."""
        return (self.cells,)

    def cell_of(self, path: Path) -> CellModule:
        """Return the cell that contains `path`."""
        return next(c for c in self if c.cell.shape == (path.width, path.depth, path.sections))

    def part_of(self, path: Path) -> SupernetCell | SlimmableCells:
        """Return the one of `cells` that trains `path`: its cell, or all cells that share weights with it."""
        cell = self.cell_of(path)
        for part in self.cells:
            if isinstance(part, SlimmableCells) and any(each is cell for each in part.cells):
                return part
        assert isinstance(cell, SupernetCell), "a cell has weights of its own, or is one of a part's"
        return cell


def _position(cell: Cell, order: Sequence[Cell]) -> int:
    return order.index(cell) if order else 0


class Supernet(nn.Module):
    """All blocks; `blocks[k - 1]` is block k."""

    def __init__(self, blocks: Sequence[SupernetBlock]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def __iter__(self) -> Iterator[SupernetBlock]:
        return (block for block in self.blocks if isinstance(block, SupernetBlock))

    def block(self, number: int) -> SupernetBlock:
        """Return block `number`, counted from 1 as in the paper."""
        block = self.blocks[number - 1]
        assert isinstance(block, SupernetBlock)
        return block


def build_supernet(
    space: SearchSpace,
    teacher_widths: Sequence[int],
    *,
    config: SupernetConfig,
    seed: int,
    in_chans: int = 3,
    teacher_grids: Sequence[tuple[int, int]] = (),
    input_size: tuple[int, int] = (0, 0),
) -> Supernet:
    """Build the supernet of a space for a teacher whose Y_1 .. Y_N have `teacher_widths` channels.

    `teacher_grids` are height and width of Y_1 .. Y_N for images of `input_size`; without them, they are those of the
    student's blocks. A block whose input is coarser than Y_{k-1} begins with a patch convolution (a `Bridge`).

    The weights of a cell depend only on (seed, block, cell), so a block built alone has the same weights; those of cells
    that share weights on the first of them. Raises `TeacherError` if the teacher has another number of blocks, or features
    that cannot enter a block, and `SpaceError` if cells shall share weights but cannot be sliced.
    """
    if len(teacher_widths) != len(space.blocks):
        raise TeacherError(
            f"the teacher is cut into {len(teacher_widths)} blocks, but space {space.name!r} has {len(space.blocks)}; "
            "name one boundary per block"
        )
    if config.slimmable:
        require_sliceable(space)
    received = (in_chans, *teacher_widths)
    return Supernet(
        [
            _build_block(
                space,
                number,
                received[number - 1],
                received[number],
                config=config,
                seed=seed,
                window=_window(space, number, teacher_grids, input_size),
            )
            for number in range(1, len(space.blocks) + 1)
        ]
    )


def _build_block(
    space: SearchSpace,
    number: int,
    teacher_in: int,
    teacher_out: int,
    *,
    config: SupernetConfig,
    seed: int,
    window: tuple[tuple[int, int], tuple[int, int]],
) -> SupernetBlock:
    """Build block `number`, whose cells map `teacher_in` to `teacher_out` channels; `window` is that of its bridge."""
    block, previous_widths = space.blocks[number - 1], space.previous_widths(number)
    ratio, grid = window
    begins = (
        config.init == "teacher"
    )  # adapters then begin as selections of channels, so one for all would be the identity
    surroundings: dict[str, Any] = {
        "stride": block.stride,
        "previous_widths": previous_widths,
        "teacher_in": teacher_in,
        "teacher_out": teacher_out,
        "stem": space.stem if number == 1 else (),
        "zero_init_residual": config.zero_init_residual,
        "adapts": (
            not begins and any(width != teacher_in for width in previous_widths),
            not begins and any(cell.width != teacher_out for cell in block.cells),
        ),
        "ratio": ratio,
        "grid": grid,
    }
    if config.slimmable:
        build = partial(SlimmableCells, two_sided=config.slices == "two-sided", **surroundings)
        parts = {block.cells.index(group[0]): partial(build, group) for group in groups_by_depth(block.cells)}
    else:
        build = partial(SupernetCell, interface=config.interface, **surroundings)
        parts = {index: partial(build, cell) for index, cell in enumerate(block.cells)}
    cells = [build_seeded(part, (seed, number, index)) for index, part in parts.items()]
    return SupernetBlock(number, cells, previous_widths, order=block.cells)


def _window(
    space: SearchSpace, number: int, teacher_grids: Sequence[tuple[int, int]], input_size: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many pixels of Y_{k-1} one pixel of the input of block `number` covers, and the grid of that input."""
    if number == 1 or not teacher_grids:
        return (1, 1), (0, 0)
    grid, found = grid_of(input_size, space.strides[number - 2]), teacher_grids[number - 2]
    ratio = whole_ratio(found, grid)
    if ratio is None:
        raise TeacherError(
            f"the teacher's Y_{number - 1} has {found[0]} x {found[1]} pixels, but block {number} of the space takes "
            f"{grid[0]} x {grid[1]}; it must have that size or a whole multiple of it, since nothing is upsampled"
        )
    return ratio, grid
