"""Patch convolutions: non-overlapping windows to vectors, with learned positions where they see the image.

`PatchConv` is the entry of a transformer layer where width or grid change: a 1x1 convolution, or the merging of 2x2
pixels. `PatchEmbedding` is the stem of a vision transformer. Windows do not overlap and nothing is padded, so the side of
a map must be a multiple of the window.
"""

import torch
import torch.nn.functional as F
from timm.layers import lecun_normal_, trunc_normal_
from torch import Tensor, nn

from helixnas.space.grids import require_whole_patches

INITIAL_STD = 0.02
"""Standard deviation of initial positions, as in timm's vision transformers."""


class PatchConv(nn.Conv2d):
    """A convolution with bias whose windows of `patch` x `patch` pixels do not overlap.

    Raises `SpaceError` if the side of a map is no multiple of the patch; the message names the nearest sides that are.
    """

    def __init__(self, in_width: int, out_width: int, patch: int) -> None:
        super().__init__(in_width, out_width, patch, patch)
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise so that the output has the variance of the input."""
        lecun_normal_(self.weight)
        assert self.bias is not None, "built with one"
        nn.init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return a vector per patch, (batch, out_width, height / patch, width / patch)."""
        if not torch.jit.is_scripting():
            require_whole_patches(input.shape[2], input.shape[3], self.kernel_size[0])
        return self._conv_forward(input, self.weight, self.bias)


class PatchEmbedding(nn.Module):
    """A patch convolution plus a learned vector per position of a grid of `grid` x `grid` patches; 0 for no positions.

    On images of another size the positions are interpolated (bicubic, antialiased), as in timm.
    """

    def __init__(self, in_width: int, out_width: int, patch: int, *, grid: int = 0) -> None:
        super().__init__()
        self.conv = PatchConv(in_width, out_width, patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, out_width, grid, grid)) if grid else None
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise the positions: truncated normal."""
        if self.pos_embed is not None:
            trunc_normal_(self.pos_embed, std=INITIAL_STD)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, out_width, height / patch, width / patch)."""
        x = self.conv(x)
        if self.pos_embed is None:
            return x
        return x + positions_at(self.pos_embed, x.shape[2], x.shape[3])


def positions_at(positions: Tensor, height: int, width: int) -> Tensor:
    """Return position vectors (1, channels, rows, columns) interpolated to another grid; unchanged on their own.

    >>> positions_at(torch.ones(1, 2, 4, 4), 3, 5).shape
    torch.Size([1, 2, 3, 5])
    """
    if positions.shape[2] == height and positions.shape[3] == width:
        return positions
    resized = F.interpolate(positions.float(), [height, width], mode="bicubic", antialias=True, align_corners=False)
    return resized.to(positions.dtype)
