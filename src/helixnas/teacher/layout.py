"""Feature layouts: every module's output as NCHW and back, whatever the network's own form.

Convolutional networks give NCHW, some transformers NHWC (Swin), others a sequence of tokens with class tokens in front
(ViT). Students see NCHW only; prefix tokens are dropped on the way out and put back on the way in.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, cat, nn

from helixnas.errors import TeacherError


@dataclass(frozen=True)
class Layout:
    """How one module's output is laid out."""

    kind: Literal["nchw", "nhwc", "tokens"]
    """Order of the axes."""

    grid: tuple[int, int] = (0, 0)
    """For tokens: rows and columns of the patches."""

    num_prefix: int = 0
    """For tokens: class and register tokens before the patches."""

    def to_nchw(self, output: Tensor) -> Float[Tensor, "batch channels height width"]:
        """Return a module's output as a feature map."""
        if self.kind == "nchw":
            return output
        if self.kind == "nhwc":
            return output.permute(0, 3, 1, 2)
        patches = output[:, self.num_prefix :]
        return patches.transpose(1, 2).reshape(len(output), -1, *self.grid)

    def from_nchw(self, features: Float[Tensor, "batch channels height width"], output: Tensor) -> Tensor:
        """Return a feature map in the module's own form; prefix tokens are taken from its own `output`."""
        if self.kind == "nchw":
            return features
        if self.kind == "nhwc":
            return features.permute(0, 2, 3, 1)
        return cat([output[:, : self.num_prefix], features.flatten(2).transpose(1, 2)], dim=1)


def layout_of(model: nn.Module, name: str, output: Any) -> Layout:
    """Return the layout of one module's output.

    Raises:
        TeacherError: the output is no feature map and no grid of tokens.
    """
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        found = f"a tensor of shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise TeacherError(f"module {name!r} gives {found}; a boundary needs a feature map (4 axes) or tokens (3 axes)")
    if output.ndim == 4:
        return Layout("nhwc" if getattr(model, "output_fmt", "NCHW") == "NHWC" else "nchw")
    prefix = int(getattr(model, "num_prefix_tokens", 0))
    number = output.shape[1] - prefix
    declared = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    side = math.isqrt(max(0, number))
    grid = (int(declared[0]), int(declared[1])) if declared else (side, side)
    if grid[0] * grid[1] != number or number < 1:
        raise TeacherError(f"the {number} tokens of module {name!r} form no grid of {grid[0]} x {grid[1]} patches")
    return Layout("tokens", grid, prefix)
