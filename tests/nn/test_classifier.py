"""Pooling and classifier."""

import torch
from torch import nn

from helixnas.nn import build_head, classifier_of
from helixnas.space import Head


def test_pooled_features_are_classified() -> None:
    pool, classifier = classifier_of(8, 3, pool_type="avg")
    features = torch.rand(2, 8, 4, 4)
    assert torch.allclose(pool(features), features.mean((2, 3)))
    assert classifier(pool(features)).shape == (2, 3)


def test_no_classes_leave_the_identity() -> None:
    assert isinstance(classifier_of(8, 0, pool_type="avg")[1], nn.Identity)


def test_another_pooling_is_taken_by_name() -> None:
    features = torch.rand(2, 8, 4, 4)
    assert torch.equal(classifier_of(8, 0, pool_type="max")[0](features), features.amax((2, 3)))


def test_a_head_convolves_pools_and_classifies_and_may_leave_the_convolution_out() -> None:
    features = torch.rand(2, 8, 4, 4)
    with_conv, without = build_head(8, Head(16, "relu"), 3), build_head(8, Head(0), 3)
    assert with_conv(features).shape == without(features).shape == (2, 3)
    assert with_conv[-1].in_features == 16
    assert isinstance(without[0], nn.Identity)
