"""Feature layouts: conversion of any module's output to NCHW and back.

Convolutional networks use NCHW, some transformers NHWC (Swin), others a sequence of tokens that begins with class tokens
(ViT). Students see only NCHW; prefix tokens are dropped in one direction and restored in the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, cat, nn

from helixnas.errors import TeacherError


@dataclass(frozen=True)
class Layout:
    """Layout of one module's output.

    >>> import torch
    >>> tokens = torch.zeros(2, 7, 8)  # a class token and 2 x 3 patches of 8 channels
    >>> Layout("tokens", grid=(2, 3), num_prefix=1).to_nchw(tokens).shape
    torch.Size([2, 8, 2, 3])
    """

    kind: Literal["nchw", "nhwc", "tokens"]
    grid: tuple[int, int] = (0, 0)
    """For tokens: rows and columns of the patches, and `num_prefix` class and register tokens before them."""

    num_prefix: int = 0

    def to_nchw(self, output: Tensor) -> Float[Tensor, "batch channels height width"]:
        """Return a module's output as a feature map."""
        if self.kind == "nchw":
            return output
        if self.kind == "nhwc":
            return output.permute(0, 3, 1, 2)
        patches = output[:, self.num_prefix :]
        return patches.transpose(1, 2).reshape(len(output), -1, *self.grid)

    def from_nchw(self, features: Float[Tensor, "batch channels height width"], output: Tensor) -> Tensor:
        """Return a feature map in the module's layout; prefix tokens are taken from `output`."""
        if self.kind == "nchw":
            return features
        if self.kind == "nhwc":
            return features.permute(0, 2, 3, 1)
        return cat([output[:, : self.num_prefix], features.flatten(2).transpose(1, 2)], dim=1)


def layout_of(model: nn.Module, name: str, output: Any, input_size: tuple[int, int]) -> Layout:
    """Return the layout of the output of module `name` for images of `input_size` (height, width).

    Raises `TeacherError` if the output is neither a feature map nor a grid of tokens.
    """
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        found = f"a tensor of shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise TeacherError(
            f"module {name!r} returns {found}; a boundary needs a feature map (4 axes) or tokens (3 axes)"
        )
    if output.ndim == 4:
        return Layout("nhwc" if getattr(model, "output_fmt", "NCHW") == "NHWC" else "nchw")
    declared: Any = getattr(model, "num_prefix_tokens", None)
    prefixes = (0, 1) if declared is None else (int(declared),)
    for prefix in prefixes:
        for rows, columns in _grids(model, input_size):
            if rows * columns == output.shape[1] - prefix:
                return Layout("tokens", (rows, columns), prefix)
    raise TeacherError(
        f"the {output.shape[1]} tokens of module {name!r} do not form a grid over an image of "
        f"{input_size[0]} x {input_size[1]} pixels"
    )


def _grids(model: nn.Module, input_size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield possible grids of patches: the network's own, then one for every whole stride."""
    embed: Any = getattr(model, "patch_embed", None)
    if hasattr(embed, "dynamic_feat_size"):
        rows, columns = embed.dynamic_feat_size(input_size)
        yield int(rows), int(columns)
    height, width = input_size
    for stride in range(1, min(input_size) + 1):
        yield height // stride, width // stride
        yield -(-height // stride), -(-width // stride)
