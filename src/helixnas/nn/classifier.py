"""Pooling and linear classifier, as timm makes them."""

from timm.layers import SelectAdaptivePool2d, create_classifier
from torch import nn


def classifier_of(num_features: int, num_classes: int, *, pool_type: str) -> tuple[SelectAdaptivePool2d, nn.Module]:
    """Return global pooling and the linear layer behind it; 0 classes leave the identity in its place.

    >>> classifier_of(8, 3, pool_type="avg")[1]
    Linear(in_features=8, out_features=3, bias=True)
    """
    pool, classifier, *_ = create_classifier(num_features, num_classes, pool_type=pool_type)
    return pool, classifier
