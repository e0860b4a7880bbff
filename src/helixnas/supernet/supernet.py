"""The supernet U = U_N o ... o U_1 (Eq. 2): independent blocks, each a set of cells with the same teacher features as input."""

from collections.abc import Iterator, Sequence
from functools import partial

from torch import nn

from helixnas.errors import TeacherError
from helixnas.nn import build_seeded
from helixnas.space import Path, SearchSpace
from helixnas.supernet.cell import SupernetCell
from helixnas.supernet.config import SupernetConfig


class SupernetBlock(nn.Module):
    """The cells of one block."""

    def __init__(self, number: int, cells: Sequence[SupernetCell], previous_widths: Sequence[int]) -> None:
        super().__init__()
        self.number = number
        self.previous_widths = tuple(previous_widths)
        self.cells = nn.ModuleList(cells)

    def __iter__(self) -> Iterator[SupernetCell]:
        return (cell for cell in self.cells if isinstance(cell, SupernetCell))

    def cell_of(self, path: Path) -> SupernetCell:
        """Return the cell that contains `path`."""
        return next(c for c in self if c.cell.shape == (path.width, path.depth, path.sections))


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
    space: SearchSpace, teacher_widths: Sequence[int], *, config: SupernetConfig, seed: int, in_chans: int = 3
) -> Supernet:
    """Build the supernet of a space for a teacher whose Y_1 .. Y_N have `teacher_widths` channels.

    The weights of a cell depend only on (seed, block, cell), so a block built alone has the same weights. Raises
    `TeacherError` if the teacher has another number of blocks.
    """
    if len(teacher_widths) != len(space.blocks):
        raise TeacherError(
            f"the teacher is cut into {len(teacher_widths)} blocks, but space {space.name!r} has {len(space.blocks)}; "
            "name one boundary per block"
        )
    received = (in_chans, *teacher_widths)
    blocks: list[SupernetBlock] = []
    for number, block in enumerate(space.blocks, start=1):
        previous_widths = space.previous_widths(number)
        build = partial(
            SupernetCell,
            stride=block.stride,
            previous_widths=previous_widths,
            teacher_in=received[number - 1],
            teacher_out=received[number],
            stem=space.stem if number == 1 else (),
            interface=config.interface,
            zero_init_residual=config.zero_init_residual,
        )
        cells = [build_seeded(partial(build, cell), (seed, number, index)) for index, cell in enumerate(block.cells)]
        blocks.append(SupernetBlock(number, cells, previous_widths))
    return Supernet(blocks)
