"""Bridges between the grids of teacher and student: features are compared at the coarser one, and nothing is upsampled.

A student's block enters finer features of the teacher through a `Bridge`, a patch convolution whose window is the ratio of the
grids. A block's estimate is compared with finer features averaged over the windows, or is itself averaged where they are
coarser. Only whole windows are used: overlapping ones (adaptive pooling) would count a pixel in several others, and no
patch convolution has such a ratio.
"""

import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import lecun_normal_
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.space.grids import whole_ratio


class Bridge(nn.Conv2d):
    """The input adapter for teacher features whose grid is `ratio` (rows, columns) times as fine as the block's.

    In a chain of blocks, the features before a block are the previous block's estimate, which has the `grid` (height,
    width) of the block already. Each of its pixels estimates the mean of a window, so it stands for the whole window.
    """

    def __init__(self, received: int, given: int, ratio: tuple[int, int], grid: tuple[int, int]) -> None:
        super().__init__(received, given, ratio, ratio)
        self.grid = grid
        lecun_normal_(self.weight)
        assert self.bias is not None, "built with one"
        nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return features of the block's grid, (batch, given, height, width)."""
        if input.shape[2:] == self.grid:
            return F.conv2d(input, self.weight.sum((2, 3), keepdim=True), self.bias)
        return self._conv_forward(input, self.weight, self.bias)


def at_common_grid(
    first: Float[Tensor, "batch _ _ _"], second: Float[Tensor, "batch _ _ _"]
) -> tuple[Float[Tensor, "batch _ _ _"], Float[Tensor, "batch _ _ _"]]:
    """Return two feature maps at the coarser of their grids: the finer one is averaged over whole windows.

    Raises `TeacherError` if whole windows of neither grid make the other; the message names both.

    >>> import torch
    >>> finer, coarser = torch.arange(4.0).reshape(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)
    >>> [each.item() for each in at_common_grid(finer, coarser)]
    [1.5, 0.0]
    """
    return pooled_to(first, _size(second)), pooled_to(second, _size(first))


def pooled_to(features: Float[Tensor, "batch _ _ _"], grid: tuple[int, int]) -> Float[Tensor, "batch _ _ _"]:
    """Return features averaged over whole windows to a coarser `grid` (height, width); unchanged if theirs is coarser.

    Raises `TeacherError` if whole windows of neither grid make the other; the message names both.
    """
    own = _size(features)
    if own == grid:
        return features
    window = whole_ratio(own, grid)
    if window is not None:
        return F.avg_pool2d(features, window)
    if whole_ratio(grid, own) is None:
        raise TeacherError(
            f"features of {own[0]} x {own[1]} and {grid[0]} x {grid[1]} pixels cannot be compared: whole windows of neither "
            "grid make the other"
        )
    return features


def _size(features: Tensor) -> tuple[int, int]:
    return int(features.shape[2]), int(features.shape[3])
