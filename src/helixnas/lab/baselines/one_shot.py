"""The whole network with shared weights that SPOS and FairNAS train: every network of a space is a path through it.

It consists of the supernet's cells, chained width to width without a teacher between them: a cell has one set of first-layer
operations per width that the block before may give, cells of other depth or width have weights of their own, and there is
one head per width of the last block. All share one stem. As in the supernet, batch norm uses the statistics of the batch.
"""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from helixnas.nn import BATCH_STATISTICS, build_head, build_seeded, initialize
from helixnas.space import Architecture, SearchSpace
from helixnas.supernet import SupernetBlock, SupernetCell, build_stem

WEIGHTS_STREAM = 41
"""Separates the initial weights from the other random numbers of a seed."""


class OneShot(nn.Module):
    """All networks of a space with shared weights; the network to compute is an argument."""

    def __init__(self, space: SearchSpace, *, num_classes: int, in_chans: int = 3) -> None:
        super().__init__()
        self.space = space
        self.stem = build_stem(in_chans, space.stem)
        self.blocks = nn.ModuleList(_block(space, number) for number in range(1, len(space.blocks) + 1))
        self.heads = nn.ModuleDict(
            {
                str(width): build_head(width, space.head, num_classes, norm_layer=BATCH_STATISTICS)
                for width in space.blocks[-1].widths
            }
        )
        initialize(self.heads)

    def __iter__(self) -> Iterator[SupernetBlock]:
        return (block for block in self.blocks if isinstance(block, SupernetBlock))

    def head(self, width: int) -> nn.Module:
        """Return the head behind a cell of that width."""
        return self.heads[str(width)]

    def forward(
        self, images: Float[Tensor, "batch channels height width"], architecture: Architecture
    ) -> Float[Tensor, "batch classes"]:
        """Return the logits of one network for normalised images."""
        x, previous = self.stem(images), self.space.stem_width
        for block, path in zip(self, architecture.paths, strict=True):
            x = block.cell_of(path)(x, path, previous)
            previous = path.width
        return self.head(previous)(x)


def build_one_shot(space: SearchSpace, *, num_classes: int, seed: int) -> OneShot:
    """Build the network with initial weights that depend on `seed` alone."""
    return build_seeded(lambda: OneShot(space, num_classes=num_classes), (seed, WEIGHTS_STREAM))


def _block(space: SearchSpace, number: int) -> SupernetBlock:
    block, widths = space.blocks[number - 1], space.previous_widths(number)
    cells = [
        SupernetCell(cell, stride=block.stride, previous_widths=widths, teacher_in=None, teacher_out=None)
        for cell in block.cells
    ]
    return SupernetBlock(number, cells, widths)
