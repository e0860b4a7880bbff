"""Folding a linear map into the layer behind it.

A map x -> A x + b can be folded exactly if the layer begins with a convolution W without padding and uses its input
nowhere else: W (A x + b) = (W A) x + W b, summed over the window. W b is added to the bias of the convolution or subtracted
from the running mean of the batch norm that follows. The convolution and that norm are the layer's *entrance*.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from timm.layers import ConvNormAct
from timm.models._efficientnet_blocks import InvertedResidual
from torch import Tensor, nn

from helixnas.nn.attention import AttentionLayer


class Entrance(NamedTuple):
    """First convolution of a layer and, if the convolution has no bias, the batch norm after it."""

    conv: nn.Conv2d
    """A convolution without padding, the only module that reads the layer's input."""

    norm: nn.BatchNorm2d | None


def entrance_of(operation: nn.Module) -> Entrance | None:
    """Return the entrance of a layer; None if it begins with something else or has a residual connection.

    >>> from helixnas.nn import Place, build_operation
    >>> from helixnas.space import mbconv_operation
    >>> layer = build_operation(mbconv_operation(3, 6), Place(in_width=8, out_width=16))
    >>> entrance_of(layer).conv.out_channels
    48
    >>> entrance_of(build_operation(mbconv_operation(3, 6), Place(in_width=8, out_width=8))) is None
    True
    """
    if isinstance(operation, AttentionLayer):
        return Entrance(operation.entry, None) if isinstance(operation.entry, nn.Conv2d) else None
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
    """Fold ``x -> weight x + bias`` into a layer; its batch norm, if any, must have running averages."""
    conv, norm = entrance
    shift = conv.weight.sum((2, 3)) @ bias
    if norm is None:
        assert conv.bias is not None, "an entrance without a norm has a bias"
        conv.bias += shift
    else:
        assert norm.running_mean is not None, "only layers of a network, with running averages, can be folded into"
        norm.running_mean -= shift
    conv.weight.copy_(torch.einsum("oihw,ij->ojhw", conv.weight, weight))
