"""Feature layouts: conversion of any module's output to NCHW and back.

Convolutional networks use NCHW, some transformers NHWC (Swin), others a sequence of tokens that begins with class tokens
(ViT), or tokens in the order of windows (Hiera). Students see only NCHW; prefix tokens are dropped in one direction and
restored in the other. Which layout a module has is measured (`helixnas.teacher.measure`); shapes alone cannot tell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, cat, nn

from helixnas.errors import TeacherError

MAX_PREFIX = 16
"""Class and register tokens before the patches, at most, where the network does not declare their number."""


@dataclass(frozen=True)
class Layout:
    """Layout of one module's output.

    >>> tokens = torch.zeros(2, 7, 8)  # a class token and 2 x 3 patches of 8 channels
    >>> Layout("tokens", grid=(2, 3), num_prefix=1).to_nchw(tokens).shape
    torch.Size([2, 8, 2, 3])
    """

    kind: Literal["nchw", "nhwc", "tokens"]
    grid: tuple[int, int] = (0, 0)
    """For tokens: rows and columns of the patches, and `num_prefix` class and register tokens before them."""

    num_prefix: int = 0
    order: tuple[int, ...] = ()
    """For tokens: the place of each patch, row by row, in the sequence; empty if the patches are in picture order."""

    num_groups: int = 0
    """For tokens that are an axis of groups and one of tokens in each (NesT): the number of groups."""

    item: int | None = None
    """For a module that returns a tuple or list: the index of the tensor with the features."""

    def tensor_in(self, output: Any) -> Tensor:
        """Return the tensor with the features in a module's output."""
        return output if self.item is None else output[self.item]

    def to_nchw(self, output: Any) -> Float[Tensor, "batch channels height width"]:
        """Return a module's output as a feature map."""
        tensor = self.tensor_in(output)
        if self.kind == "nchw":
            return tensor
        if self.kind == "nhwc":
            return tensor.permute(0, 3, 1, 2)
        patches = (tensor.flatten(1, 2) if self.num_groups else tensor)[:, self.num_prefix :]
        if self.order:
            patches = patches[:, torch.tensor(self.order, device=patches.device)]
        return patches.transpose(1, 2).reshape(len(tensor), -1, *self.grid)

    def from_nchw(self, features: Float[Tensor, "batch channels height width"], output: Any) -> Any:
        """Return a feature map in the module's layout; prefix tokens and other items are taken from `output`."""
        if self.item is None:
            return self._native(features, output)
        items = list(output)
        items[self.item] = self._native(features, items[self.item])
        return items if isinstance(output, list) else tuple(items)

    def _native(self, features: Tensor, output: Tensor) -> Tensor:
        if self.kind == "nchw":
            return features
        if self.kind == "nhwc":
            return features.permute(0, 2, 3, 1)
        patches = features.flatten(2).transpose(1, 2)
        if self.order:
            patches = patches[:, torch.tensor(self.order, device=patches.device).argsort()]
        if self.num_groups:
            return patches.unflatten(1, (self.num_groups, -1))
        return cat([output[:, : self.num_prefix], patches], dim=1)


def layout_of(model: nn.Module, name: str, output: Any, input_size: tuple[int, int]) -> Layout:
    """Return the layout that the shape of a module's output suggests for images of `input_size` (height, width).

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
        for rows, columns in grids(model, input_size):
            if rows * columns == output.shape[1] - prefix:
                return Layout("tokens", (rows, columns), prefix)
    raise TeacherError(
        f"the {output.shape[1]} tokens of module {name!r} do not form a grid over an image of "
        f"{input_size[0]} x {input_size[1]} pixels"
    )


def usual_layouts(model: nn.Module, shape: Sequence[int], input_size: tuple[int, int]) -> Iterator[tuple[Layout, int]]:
    """Yield the layouts that an output of `shape` mostly has, the likeliest first, each with its axis of channels."""
    if len(shape) == 4:
        usual = Layout("nhwc" if getattr(model, "output_fmt", "NCHW") == "NHWC" else "nchw")
        for layout in (usual, Layout("nchw" if usual.kind == "nhwc" else "nhwc")):
            yield layout, 1 if layout.kind == "nchw" else 3
        return
    declared = int(getattr(model, "num_prefix_tokens", None) or 0)
    for prefix in dict.fromkeys((declared, 0, 1)):
        yield from ((layout, 2) for layout in _token_layouts(model, shape[1], prefix, input_size))


def unusual_layouts(
    model: nn.Module, shape: Sequence[int], input_size: tuple[int, int]
) -> Iterator[tuple[Layout, int]]:
    """Yield layouts whose patches are by columns, in windows or unrolled (Hiera), or follow many class tokens."""
    tokens = shape[1] * shape[2] if len(shape) == 4 else shape[1]
    groups = shape[1] if len(shape) == 4 else 0
    declared = int(getattr(model, "num_prefix_tokens", None) or 0)
    for prefix in (0,) if groups else dict.fromkeys((declared, 0, 1)):
        for layout in _token_layouts(model, tokens, prefix, input_size):
            for order in _orders(*layout.grid):
                yield replace(layout, order=order, num_groups=groups), len(shape) - 1
    for prefix in range(2, 0 if groups else MAX_PREFIX + 1):
        yield from ((layout, 2) for layout in _token_layouts(model, tokens, prefix, input_size))


def _token_layouts(model: nn.Module, tokens: int, num_prefix: int, input_size: tuple[int, int]) -> Iterator[Layout]:
    fitting = (grid for grid in grids(model, input_size) if grid[0] * grid[1] == tokens - num_prefix > 0)
    yield from (Layout("tokens", grid, num_prefix) for grid in dict.fromkeys(fitting))


@cache
def _orders(rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
    """Return orders of patches: the place of each patch, row by row, in the sequence."""
    patches = torch.arange(rows * columns).reshape(rows, columns)
    sequences: list[Tensor] = []
    for height in (side for side in range(1, rows + 1) if rows % side == 0):
        for width in (side for side in range(1, columns) if columns % side == 0):
            windows = patches.reshape(rows // height, height, columns // width, width)
            sequences.append(windows.transpose(1, 2).flatten())
    unrolled = patches[None]
    while unrolled.shape[1] % 2 == unrolled.shape[2] % 2 == 0:
        unrolled = unrolled.unflatten(1, (-1, 2)).unflatten(3, (-1, 2)).permute(0, 2, 4, 1, 3).flatten(0, 2)
        sequences.append(unrolled.flatten())
    orders = (tuple(sequence.argsort().tolist()) for sequence in sequences)
    return tuple(order for order in dict.fromkeys(orders) if order != tuple(range(rows * columns)))


def grids(model: nn.Module, input_size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield possible grids of patches: the network's own, then one for every whole stride."""
    embed: Any = getattr(model, "patch_embed", None)
    if hasattr(embed, "dynamic_feat_size"):
        rows, columns = embed.dynamic_feat_size(input_size)
        yield int(rows), int(columns)
    height, width = input_size
    for stride in range(1, min(input_size) + 1):
        yield height // stride, width // stride
        yield -(-height // stride), -(-width // stride)
