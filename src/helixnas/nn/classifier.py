"""Pooling and linear classifier from timm, and the network head built around them."""

from timm.layers import ConvNormAct, SelectAdaptivePool2d, create_classifier
from torch import nn

from helixnas.nn.operations import NormLayer, activation_layer
from helixnas.space import Head


def classifier_of(num_features: int, num_classes: int, *, pool_type: str) -> tuple[SelectAdaptivePool2d, nn.Module]:
    """Return global pooling and a linear classifier; with 0 classes the classifier is an identity."""
    pool, classifier, *_ = create_classifier(num_features, num_classes, pool_type=pool_type)
    return pool, classifier


def build_head(width: int, head: Head, num_classes: int, *, norm_layer: NormLayer = nn.BatchNorm2d) -> nn.Sequential:
    """Return the head for a last block of `width` channels: 1x1 convolution (if any), pooling, linear classifier.

    >>> len(build_head(8, Head(16), 3)), build_head(8, Head(0), 3)[-1].in_features
    (3, 8)
    """
    activation = activation_layer(head.activation)
    conv: nn.Module = nn.Identity()
    if head.width:
        conv = ConvNormAct(width, head.width, 1, norm_layer=norm_layer, act_layer=activation)  # pyright: ignore[reportArgumentType] - as in operations
    return nn.Sequential(conv, *classifier_of(head.width or width, num_classes, pool_type="avg"))
