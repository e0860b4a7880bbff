"""A head for stitched networks where the teacher has none that was trained: linear readouts of frozen features (DNA++).

The student's blocks agree with the teacher's in embeddings and do not reproduce its features. So an affine map per path,
which brings the path's output nearest to Y_k (`helixnas.rating.readout`), stands between a block and the next. A linear
classifier on the teacher's pooled Y_N follows the last block. Both are fitted in closed form or to convergence, on training
images with labels; neither teacher nor supernet is trained for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.data import ImageSet
from helixnas.engine.runtime import Runtime
from helixnas.rating.readout import BlockReadouts, read_out
from helixnas.space import Architecture
from helixnas.supernet import Supernet
from helixnas.teacher import Teacher

Readouts = Mapping[tuple[int, int], Tensor]
"""By previous width and number of the cell, from 0: the readouts of its paths, in their order."""


@dataclass(frozen=True, eq=False)
class StitchedHead:
    """The maps between blocks, by number of the block, and the classifier behind the last."""

    readouts: Mapping[int, Readouts]
    classifier: nn.Linear

    def features(
        self,
        supernet: Supernet,
        architecture: Architecture,
        y_0: Float[Tensor, "batch channels height width"],
        *,
        stem_width: int,
    ) -> Float[Tensor, "batch features rows columns"]:
        """Return the stitched network's estimate of Y_N: every block receives the mapped output of the block before."""
        features, previous = y_0, stem_width
        for block, path in zip(supernet, architecture.paths, strict=True):
            cell = block.cell_of(path)
            cells = list(block)
            width = block.previous_widths[0] if cell.widens else previous
            readouts = self.readouts[block.number][width, cells.index(cell)]
            readout = readouts[list(cell.cell.paths()).index(path)]
            features = read_out(readout, cell(features, path, previous))
            previous = path.width
        return features

    def logits(self, features: Float[Tensor, "batch features rows columns"]) -> Float[Tensor, "batch classes"]:
        """Return the classifier's logits of (an estimate of) Y_N."""
        return self.classifier.to(features.device)(features.float().mean((2, 3)))


def fit_readouts(
    teacher: Teacher,
    supernet: Supernet,
    images: ImageSet,
    *,
    num_images: int,
    batch_size: int,
    runtime: Runtime,
    seed: int,
) -> dict[int, Readouts]:
    """Return the affine maps of all paths to the teacher's features, fitted on so many images, block by block."""
    size = min(batch_size, len(images))
    number = max(1, min(num_images, len(images)) // size)
    readouts: dict[int, Readouts] = {}
    for block in supernet:
        fit = BlockReadouts(block)
        stream = images.batches(batch_size=size, seed=seed, augment=False, shuffle=True, drop_last=True)
        for _, batch in zip(range(number), stream, strict=False):
            with torch.no_grad(), runtime.autocast():
                fit.add(teacher.features(runtime.images(batch.images)))
        readouts[block.number] = {(piece.width, piece.index): found for piece, found in fit.solve().items()}
    return readouts
