"""timm models scaled in width to a number of multiply-adds."""

from dataclasses import replace

import pytest
import torch

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.nn import count_macs, count_params, meta_copy
from helixnas.zoo.widths import as_it_is, scale_width, widened


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "macs", "within"),
    [
        ("mobilenetv3_small_100", 1_000_000, 0.02),
        ("resnet18", 10_000_000, 0.05),
        ("resnet18d", 4_000_000, 0.05),
        ("convnext_atto", 3_000_000, 0.05),
        ("regnety_002", 4_000_000, 0.1),
        ("vit_tiny_patch16_224", 6_000_000, 0.15),
    ],
)
def test_a_model_of_every_family_comes_near_the_budget_and_is_built_of_the_size_told(
    name: str, macs: int, within: float
) -> None:
    found = scale_width(name, macs=macs, image_size=32, num_classes=7)
    assert abs(found.macs / macs - 1) <= within
    model = found.build()
    assert (count_params(model), count_macs(meta_copy(model), (1, 3, 32, 32))) == (found.params, found.macs)
    assert model.eval()(torch.rand(2, 3, 32, 32)).shape == (2, 7)


def test_the_ordinary_width_is_that_of_timm() -> None:
    model = as_it_is("mobilenetv3_small_100", {"num_classes": 10}, image_size=32)
    same = scale_width("mobilenetv3_small_100", macs=model.macs, image_size=32, num_classes=10)
    assert (same.params, same.macs, same.multiplier) == (model.params, model.macs, 1.0)
    assert count_params(widened("mobilenetv3_small_100", 1.0, {"num_classes": 10})) == model.params


def test_a_multiplier_multiplies_that_of_the_name() -> None:
    """MobileNetV3's stem stays at its width in narrow models, which the name decides before us."""
    half = widened("mobilenetv2_050", 1.0, {"num_classes": 10})
    assert count_params(widened("mobilenetv2_100", 0.5, {"num_classes": 10})) == count_params(half)


def test_a_model_whose_narrowest_width_is_above_the_budget_says_so() -> None:
    found = scale_width("resnet18", macs=100_000, image_size=32, num_classes=10)
    assert found.is_narrowest
    assert found.macs > 100_000
    assert found.macs < as_it_is("resnet18", {"num_classes": 10}, image_size=32).macs / 10


def test_widths_without_channels_are_not_built() -> None:
    """The groups of a ResNeXt lose their last channel before its budget is met."""
    found = scale_width("resnext50_32x4d", macs=1_000_000, image_size=32, num_classes=10)
    assert found.is_narrowest
    assert all(parameter.numel() for parameter in found.build().parameters())
    with pytest.raises(ConfigError, match="the model 'resnext50_32x4d' of 0.016 times its width cannot be built: "):
        widened("resnext50_32x4d", 0.016, {"num_classes": 10})


def test_a_model_of_an_unknown_family_stays_as_it_is() -> None:
    found = scale_width("vgg11", macs=1_000_000, image_size=32, num_classes=10)
    assert found.multiplier is None
    assert found.macs > 100_000_000


def test_a_model_for_enlarged_images_takes_small_ones_and_has_the_size_told() -> None:
    """Its logits are those of the model on images that were enlarged before."""
    found = replace(scale_width("mobilenetv3_small_100", macs=5_000_000, image_size=96, num_classes=7), enlarged_to=96)
    model = found.build().eval()
    assert (count_params(model), count_macs(meta_copy(model), (1, 3, 32, 32))) == (found.params, found.macs)
    images = torch.rand(2, 3, 32, 32)
    larger = torch.nn.functional.interpolate(images, size=(96, 96), mode="bilinear")
    torch.testing.assert_close(model(images), model.model(larger))


def test_bad_models_are_one_sentence() -> None:
    with pytest.raises(UnknownNameError, match="unknown timm model 'resnet19'; did you mean"):
        scale_width("resnet19", macs=1_000_000, image_size=32, num_classes=10)
    with pytest.raises(ConfigError, match="levit_128 does not take images of 8 pixels: "):
        scale_width("levit_128", macs=1_000_000, image_size=8, num_classes=10)
