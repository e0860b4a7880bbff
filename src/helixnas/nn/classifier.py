"""The network head: features of a registered kind, then pooling and a linear classifier from timm.

The kinds are ``conv``, EfficientNet's 1x1 convolution with batch norm, and ``norm``, the layer norm of vision transformers.
Register a kind of your own with a decorator::

    @register_head("relu")
    def relu(width: int, head: Head, norm_layer: NormLayer) -> tuple[nn.Module, int]:
        return nn.ReLU(), width
"""

from collections.abc import Callable

from timm.layers import ConvNormAct, LayerNorm2d, SelectAdaptivePool2d, create_classifier
from torch import nn

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.nn.attention import NORM_EPS
from helixnas.nn.operations import NormLayer, activation_layer
from helixnas.space import Head

HeadBuilder = Callable[[int, Head, NormLayer], tuple[nn.Module, int]]
"""Builds the layers before pooling for a last block of some width; returns them and the channels they give."""

_HEADS: dict[str, HeadBuilder] = {}


def register_head(kind: str) -> Callable[[HeadBuilder], HeadBuilder]:
    """Register the function that builds the features of heads of `kind`; a later registration replaces an earlier one."""

    def register(builder: HeadBuilder) -> HeadBuilder:
        _HEADS[kind] = builder
        return builder

    return register


def head_builder(kind: str) -> HeadBuilder:
    """Return the function that is registered for a kind of head; raises `UnknownNameError` for an unknown one."""
    if kind not in _HEADS:
        raise UnknownNameError("head kind", kind, _HEADS)
    return _HEADS[kind]


def head_features(width: int, head: Head, *, norm_layer: NormLayer = nn.BatchNorm2d) -> tuple[nn.Module, int]:
    """Return the layers of a head before pooling, for a last block of `width` channels, and the channels they give.

    Raises:
        UnknownNameError: no such kind or activation.
        SpaceError: the kind does not have the head's width.

    >>> head_features(8, Head(16))[1], head_features(8, Head(0, kind="norm"))[1]
    (16, 8)
    """
    return head_builder(head.kind)(width, head, norm_layer)


def classifier_of(num_features: int, num_classes: int, *, pool_type: str) -> tuple[SelectAdaptivePool2d, nn.Module]:
    """Return global pooling and a linear classifier; with 0 classes the classifier is an identity."""
    pool, classifier, *_ = create_classifier(num_features, num_classes, pool_type=pool_type)
    return pool, classifier


def build_head(width: int, head: Head, num_classes: int, *, norm_layer: NormLayer = nn.BatchNorm2d) -> nn.Sequential:
    """Return the head for a last block of `width` channels: features by kind, pooling, linear classifier.

    >>> len(build_head(8, Head(16), 3)), build_head(8, Head(0), 3)[-1].in_features
    (3, 8)
    """
    features, channels = head_features(width, head, norm_layer=norm_layer)
    return nn.Sequential(features, *classifier_of(channels, num_classes, pool_type="avg"))


@register_head("conv")
def conv_features(width: int, head: Head, norm_layer: NormLayer) -> tuple[nn.Module, int]:
    """1x1 convolution with norm and activation; nothing for a width of 0."""
    activation = activation_layer(head.activation)
    if not head.width:
        return nn.Identity(), width
    conv = ConvNormAct(width, head.width, 1, norm_layer=norm_layer, act_layer=activation)  # pyright: ignore[reportArgumentType] - as in operations
    return conv, head.width


@register_head("norm")
def norm_features(width: int, head: Head, norm_layer: NormLayer) -> tuple[nn.Module, int]:
    """Layer norm over the channels of every pixel."""
    if head.width:
        raise SpaceError(f"a head of kind norm has no convolution, so its width must be 0, not {head.width}")
    return LayerNorm2d(width, eps=NORM_EPS), width
