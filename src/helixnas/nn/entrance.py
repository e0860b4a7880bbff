"""The entrance of an operation: a first 1x1 convolution and the batch norm behind it, where a linear map can be folded in.

A map x -> A x + b in front of a layer becomes part of it exactly when the layer begins with a 1x1 convolution W and
uses its input nowhere else: W (A x + b) = (W A) x + W b, and the batch norm behind takes W b off its mean.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from timm.layers import ConvNormAct
from timm.models._efficientnet_blocks import InvertedResidual
from torch import Tensor, nn


class Entrance(NamedTuple):
    """The modules that a layer begins with."""

    conv: nn.Conv2d
    """A 1x1 convolution, the only reader of the layer's input."""

    norm: nn.BatchNorm2d
    """The batch norm of its output."""


def entrance_of(operation: nn.Module) -> Entrance | None:
    """Return the entrance of a layer; None where it begins otherwise, or adds its input to its output (a residual).

    >>> from helixnas.nn import Place, build_operation
    >>> from helixnas.space import mbconv_operation
    >>> layer = build_operation(mbconv_operation(3, 6), Place(in_width=8, out_width=16))
    >>> entrance_of(layer).conv.out_channels
    48
    >>> entrance_of(build_operation(mbconv_operation(3, 6), Place(in_width=8, out_width=8))) is None
    True
    """
    if isinstance(operation, InvertedResidual) and not operation.has_skip and operation.conv_s2d is None:
        conv, norm = operation.conv_pw, operation.bn1
    elif isinstance(operation, ConvNormAct):
        conv, norm = operation.conv, operation.bn
    else:
        return None
    if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        return None
    plain = conv.kernel_size == (1, 1) and conv.groups == 1 and conv.padding in (0, (0, 0))
    return Entrance(conv, norm) if plain else None


@torch.no_grad()
def fold_into(entrance: Entrance, weight: Float[Tensor, "given received"], bias: Float[Tensor, " given"]) -> None:
    """Let a layer do what it does now after ``x -> weight x + bias``; its batch norm must keep running averages."""
    conv, norm = entrance
    assert norm.running_mean is not None, "a layer that is folded into belongs to a network, not to a supernet"
    own = conv.weight.flatten(1)
    norm.running_mean -= own @ bias
    conv.weight.copy_((own @ weight)[:, :, None, None])
