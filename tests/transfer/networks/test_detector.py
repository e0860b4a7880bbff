"""The C4 detector: what is before stride 16 is the body, what is behind it the box head."""

from typing import Any

import pytest
import timm
import torch
from torch import nn
from torchvision.ops import roi_align

from helixnas.errors import ConfigError
from helixnas.nn import build_seeded
from helixnas.space import mbconv
from helixnas.transfer.networks.detector import (
    ANCHOR_SIZES,
    NUMBERS,
    AlignedPooling,
    FeaturesAt16,
    build_detector,
    freeze_first,
)

SMALL = mbconv(cells=(((1, 8),),) * 4, strides=(2, 2, 2, 2), expansions=(3,), stem_width=8, separable_width=0)
IMAGES = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def named(name: str = "test_efficientnet", **arguments: Any) -> nn.Module:
    return build_seeded(lambda: timm.create_model(name, **arguments), (0,)).eval()


def built(model: nn.Module) -> Any:
    sides = {"image_size": 64, "max_size": 96, "mean": (0.5,) * 3, "std": (0.5,) * 3}
    return build_detector(model, num_classes=3, seed=0, name="it", **sides)


@pytest.mark.parametrize(
    "name", ["test_efficientnet", "resnet18", "mobilenetv3_small_050", "helixnas", "densenet121", "vgg11_bn"]
)
def test_body_and_box_head_are_the_two_halves_of_the_network(name: str) -> None:
    arguments = {"arch": SMALL.parse("8:mb3_k3 8:mb3_k5 8:mb3_k3 8:mb3_k3")} if name == "helixnas" else {}
    with torch.no_grad():
        expected = named(name, **arguments).forward_intermediates(IMAGES, intermediates_only=True)[-1]
        detector = built(named(name, **arguments)).eval()
        at_16 = detector.backbone(IMAGES)
        found = detector.roi_heads.box_head.stages(at_16)
    assert at_16.shape[-1] == 4
    assert torch.allclose(found, expected, atol=1e-6)


def test_the_numbers_are_those_of_the_c4_setting() -> None:
    detector = built(named())
    rpn, heads = detector.rpn, detector.roi_heads
    assert (rpn._pre_nms_top_n, rpn._post_nms_top_n) == (
        {"training": 12_000, "testing": 6_000},
        {"training": 2_000, "testing": 1_000},
    )
    assert rpn.fg_bg_sampler.batch_size_per_image == 256
    assert heads.fg_bg_sampler.batch_size_per_image == NUMBERS["box_batch_size_per_image"] == 512
    assert rpn.anchor_generator.sizes == (ANCHOR_SIZES,)
    assert rpn.anchor_generator.num_anchors_per_location() == [15]


def test_regions_are_cut_out_at_half_pixels() -> None:
    maps = torch.arange(64.0).reshape(1, 1, 8, 8)
    box = torch.tensor([[16.0, 16.0, 80.0, 80.0]])
    found = AlignedPooling()({"0": maps}, [box], [(128, 128)])
    expected = roi_align(maps, [box], 14, 1 / 16, -1, aligned=True)
    assert found.shape == (1, 1, 14, 14)
    assert torch.equal(found, expected)
    assert abs(float(found.mean()) - float(maps[0, 0, 1:5, 1:5].mean())) < 1e-4


def test_frozen_are_all_batch_norms_and_the_first_layers() -> None:
    model = named().train()
    freeze_first(model)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model(IMAGES)
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
    learned = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith(("conv_stem", "blocks.0", "blocks.1")) for name in learned)
    assert any(name.startswith("blocks.2") for name in learned)
    assert not any("bn" in name for name in learned)


@pytest.mark.parametrize(("name", "width"), [("ghostnet_050", 480), ("test_nfnet", 128)])
def test_the_box_head_has_the_width_that_its_stages_give(name: str, width: int) -> None:
    detector = built(named(name)).eval()
    assert detector.roi_heads.box_predictor.cls_score.in_features == width
    with torch.no_grad():
        (found,) = detector(list(IMAGES))
    assert found["boxes"].shape[1] == 4


@pytest.mark.parametrize(
    ("name", "frozen", "learned"),
    [
        ("vgg11_bn", "features.8.weight", "features.15.weight"),
        ("mobilenetv3_small_050", "blocks.0.0.conv_dw.weight", "blocks.1.0.conv_pw.weight"),
        ("densenet121", "features.denseblock1.denselayer1.conv1.weight", "features.transition1.conv.weight"),
    ],
)
def test_what_runs_first_is_frozen_whatever_layer_ends_the_first_stage(name: str, frozen: str, learned: str) -> None:
    model = named(name)
    freeze_first(model)
    parameters = dict(model.named_parameters())
    assert not parameters[frozen].requires_grad
    assert parameters[learned].requires_grad


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "test_mambaout"])
def test_halves_that_do_not_take_images_and_regions_of_any_size_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="it cannot be cut into a C4 detector, .*; take a convolutional network"):
        built(named(name))


def test_networks_without_both_halves_are_refused() -> None:
    with pytest.raises(ConfigError, match="it has no stage of its own behind stride 16"):
        built(named("test_vit"))
    short = mbconv(cells=(((1, 8),),) * 2, strides=(2, 2), expansions=(3,), stem_width=8, separable_width=0)
    with pytest.raises(ConfigError, match="it has no features of stride 16, only of 2, 4, 8"):
        built(named("helixnas", arch=short.parse("8:mb3_k3 8:mb3_k5")))
    assert isinstance(built(named()).backbone, FeaturesAt16)
