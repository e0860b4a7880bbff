"""Pooling and classifier."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.nn import NormLayer, build_head, classifier, classifier_of, count_params, head_features, register_head
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


def test_the_head_of_a_transformer_is_a_norm_over_channels_before_pooling() -> None:
    features = torch.rand(2, 8, 4, 4)
    norm, channels = head_features(8, Head(0, kind="norm"))
    expected = F.layer_norm(features.permute(0, 2, 3, 1), (8,), eps=1e-6).permute(0, 3, 1, 2)
    assert channels == 8
    assert torch.allclose(norm(features), expected, atol=1e-6)
    assert count_params(build_head(8, Head(0, kind="norm"), 3)) == 16 + 8 * 3 + 3


def test_a_norm_with_a_width_and_an_unknown_kind_are_refused() -> None:
    with pytest.raises(SpaceError, match="a head of kind norm has no convolution, so its width must be 0, not 64"):
        head_features(8, Head(64, kind="norm"))
    with pytest.raises(UnknownNameError, match="unknown head kind 'nrom'; did you mean norm"):
        head_features(8, Head(0, kind="nrom"))


def test_a_kind_of_ones_own_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "_HEADS", dict(classifier._HEADS))

    @register_head("relu")
    def relu(width: int, head: Head, norm_layer: NormLayer) -> tuple[nn.Module, int]:
        return nn.ReLU(), width

    assert isinstance(build_head(8, Head(0, kind="relu"), 3)[0], nn.ReLU)
