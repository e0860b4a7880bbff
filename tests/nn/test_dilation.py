"""Dilation keeps maps fine, and their features are those of the strided network at the pixels that both have."""

import pytest
import timm
import torch
from timm.layers import BlurPool2d
from torch import Tensor, nn

from helixnas.errors import ConfigError
from helixnas.nn import build_seeded, dilate
from helixnas.nn.dilation import steps

IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def named(name: str, **arguments: object) -> nn.Module:
    return build_seeded(lambda: timm.create_model(name, **arguments), (0,)).eval()


def features(model: nn.Module) -> list[Tensor]:
    with torch.no_grad():
        return model.forward_intermediates(IMAGES, intermediates_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_lite0", "resnet18"])
def test_a_dilated_network_computes_what_timm_builds_with_that_output_stride(name: str, output_stride: int) -> None:
    other, model = named(name, output_stride=output_stride), named(name)
    dilate(model, output_stride, name=name)
    other.load_state_dict(model.state_dict())
    for one, two in zip(features(model), features(other), strict=True):
        assert torch.allclose(one, two, atol=1e-6)


def test_features_are_those_of_the_strided_network_at_its_pixels() -> None:
    model, plain = (named("efficientnet_lite0") for _ in range(2))
    dilate(model, 8, name="it")
    found, expected = features(model), features(plain)
    assert [each.shape[-1] for each in found] == [32, 16, 8, 8, 8]
    assert all(torch.equal(one, two) for one, two in zip(found[:3], expected[:3], strict=True))
    assert torch.allclose(found[3][..., ::2, ::2], expected[3], atol=1e-6)
    assert torch.allclose(found[4][..., ::4, ::4], expected[4], atol=1e-4)
    assert float(expected[4].std()) > 1e-3


def test_an_output_stride_of_the_network_itself_changes_nothing() -> None:
    model, plain = (named("mobilenetv3_small_050") for _ in range(2))
    dilate(model, 32, name="it")
    dilate(model, 0, name="it")
    assert all(torch.equal(one, two) for one, two in zip(features(model), features(plain), strict=True))


@pytest.mark.parametrize("layer", [nn.AvgPool2d(2), nn.Conv2d(4, 4, 2, 2)], ids=["AvgPool2d", "Conv2d"])
def test_poolings_and_even_kernels_that_would_have_to_be_dilated_are_refused(layer: nn.Module) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 8, 1), layer)
    with pytest.raises(
        ConfigError, match=r"it cannot have output stride 8: \w+ of kernel 2 shrinks its map of stride 8"
    ):
        dilate(network, 8, name="it")
    dilate(network, 16, name="it")
    assert network(IMAGES).shape[-1] == 4


def test_blur_pooling_beyond_the_output_stride_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="it cannot have output stride 16: once dilated, it does not run .*blur pooling"
    ):
        dilate(named("resnetblur18"), 16, name="it")
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 8, 1), BlurPool2d(4))
    with pytest.raises(ConfigError, match="it cannot have output stride 8: its last map keeps stride 16"):
        dilate(network, 8, name="it")
    dilate(network, 16, name="it")
    assert network(IMAGES).shape[-1] == 4


def test_other_output_strides_and_other_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match="output_stride must be 8, 16, 32 or 0"):
        dilate(nn.Conv2d(3, 4, 3), 12, name="it")
    with pytest.raises(ConfigError, match="it cannot be dilated: it does not take images of 256 pixels"):
        dilate(nn.Linear(5, 4), 8, name="it")


def test_steps_without_an_output_stride_are_the_strides() -> None:
    assert [step.stride for step in steps((2, 1, 4), 0)] == [2, 1, 4]
    assert all(step.dilation == 1 and not step.is_kept for step in steps((2, 1, 4), 0))
