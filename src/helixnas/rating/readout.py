"""Linear readouts: how well an affine map of a path's output can match the teacher's features.

Paths share weights, and after short training their last projections are compromises. So each path may get its own before
it is rated: the affine map, the same at every pixel, that brings its output nearest to Y_k over some training images.
Ridge regression finds it in closed form, for one more pass of rating over these images.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from helixnas.engine import to_float64
from helixnas.nn import at_common_grid
from helixnas.rating.shard import Piece, Shard
from helixnas.rating.tree import rate_cell
from helixnas.supernet import SupernetBlock

RIDGE = 1e-3
"""Ridge, relative to each channel's variance, so that collinear channels stay well conditioned."""

NOISE = 1e-5
"""Extra ridge, relative to the channel's mean square, so that channels constant up to float32 rounding stay well conditioned."""


class BlockReadouts:
    """Fits the readouts of the paths of a block, or of pieces of it, batch by batch; batch norm uses each batch's statistics."""

    def __init__(self, block: SupernetBlock, pieces: Sequence[Piece] | None = None) -> None:
        self.block = block
        self.pieces = [piece for piece in (Shard().pieces(block) if pieces is None else pieces) if not piece.is_copied]
        self._sums: dict[Piece, Tensor] = {}
        self._device = torch.device("cpu")

    def add(self, features: Sequence[Tensor]) -> None:
        """Add Y_0 .. Y_N of a batch of training images to the sums."""
        source, target = features[self.block.number - 1], features[self.block.number]
        self._device = source.device
        for piece in self.pieces:
            found = rate_cell(
                piece.cell,
                source,
                piece.width,
                lambda prediction: moments(*at_common_grid(prediction, target)),
                prefix=piece.prefix,
            )
            self._sums[piece] = self._sums[piece] + found if piece in self._sums else found

    def solve(self) -> dict[Piece, Float[Tensor, "paths channels_plus_one channels"]]:
        """Return the readouts of every piece with scores of its own, in the order of its paths."""
        found = {piece: torch.stack([solve(each) for each in self._sums.pop(piece)]) for piece in self.pieces}
        return {piece: readouts.to(self._device) for piece, readouts in found.items()}


def moments(
    prediction: Float[Tensor, "batch channels height width"], target: Float[Tensor, "batch channels_out height width"]
) -> Float[Tensor, "channels_plus_one both_plus_one"]:
    """Return sums over pixels of x x^T and x y^T in float64; x is the path's output and a one, y the teacher's.

    The best affine map depends on these alone, and they add up over batches.
    """
    with torch.autocast(prediction.device.type, enabled=False):
        x, y = _pixels(prediction), _pixels(target)
        x = torch.cat([x, x.new_ones(len(x), 1)], 1)
        return to_float64(x.T @ torch.cat([x, y], 1))


def solve(
    sums: Float[Tensor, "channels_plus_one both_plus_one"],
) -> Float[Tensor, "channels_plus_one channels_out"]:
    """Return the affine map of least squared error: a row per channel of the path's output, then the offset.

    >>> x = torch.tensor([0.0, 1.0, 2.0, 3.0]).reshape(4, 1, 1, 1)
    >>> slope, offset = solve(moments(x, 2 * x + 5)).flatten().tolist()
    >>> round(slope, 2), round(offset, 2)
    (2.0, 5.0)
    """
    width = len(sums) - 1
    count = sums[-1, width]
    mean_x, mean_y = sums[:-1, width] / count, sums[-1, width + 1 :] / count
    within = sums[:-1, :width] / count - mean_x.outer(mean_x)
    between = sums[:-1, width + 1 :] / count - mean_x.outer(mean_y)
    ridge = RIDGE * within.diagonal() + NOISE * sums.diagonal()[:-1] / count + torch.finfo(torch.float32).tiny
    slopes = torch.linalg.solve(within + ridge.diag(), between)
    return torch.cat([slopes, (mean_y - mean_x @ slopes)[None]]).float()


def read_out(
    readout: Float[Tensor, "channels_plus_one channels_out"], prediction: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, "batch channels_out height width"]:
    """Return a readout of a path's output, in the output's precision."""
    with torch.autocast(prediction.device.type, enabled=False):
        batch, _, height, width = prediction.shape
        found = torch.addmm(readout[-1], _pixels(prediction), readout[:-1])
        return found.reshape(batch, height, width, -1).permute(0, 3, 1, 2).to(prediction.dtype)


def _pixels(features: Tensor) -> Tensor:
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1]).float()
