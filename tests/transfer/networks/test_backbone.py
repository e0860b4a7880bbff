"""Any timm model is an encoder of SMP, with the maps that timm gives."""

from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn

from helixnas.errors import ConfigError
from helixnas.space import Architecture, Head, Operation, Stage, mbconv
from helixnas.space import Path as OfLayers
from helixnas.transfer.networks.backbone import Backbone, is_flat, last_maps, register_encoder
from helixnas.zoo import ZOO

IMAGES = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
SMALL = mbconv(cells=(((1, 8),),) * 4, strides=(2, 2, 2, 2), expansions=(3,), stem_width=8, separable_width=0)


def test_an_encoder_returns_the_image_and_timm_s_maps() -> None:
    model = timm.create_model("test_efficientnet").eval()
    with torch.no_grad():
        expected = model.forward_intermediates(IMAGES, intermediates_only=True)
        found = Backbone(model)(IMAGES)
    assert [tuple(each.shape[1:]) for each in found] == [(3, 64, 64), *(tuple(each.shape[1:]) for each in expected)]
    assert all(torch.equal(one, two) for one, two in zip(found[1:], expected, strict=True))


def test_only_the_layers_that_give_maps_stay() -> None:
    backbone = Backbone(timm.create_model("test_efficientnet"), depth=3)
    assert backbone.out_channels == [3, *(width for _, width in list(last_maps(backbone.model, "it").values())[:3])]
    assert backbone.model.num_classes == 0
    backbone(IMAGES)[-1].sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


def test_a_dilated_encoder_ends_at_its_output_stride() -> None:
    backbone = Backbone(timm.create_model("test_efficientnet").eval())
    backbone.make_dilated(8)
    assert backbone.output_stride == 8
    assert [each.shape[-1] for each in backbone(IMAGES)] == [64, 32, 16, 8, 8, 8]


def test_a_stride_that_a_network_lacks_has_no_channels() -> None:
    backbone = Backbone(timm.create_model("test_convnext").eval())
    maps = backbone(IMAGES)
    assert backbone.out_channels[1] == 0
    assert tuple(maps[1].shape) == (1, 0, 32, 32)
    assert [each.shape[-1] for each in maps[2:]] == [16, 8, 4, 2]


def test_models_of_the_zoo_and_own_architectures_are_encoders_by_name(tmp_path: Path) -> None:
    names = smp.encoders.get_encoder_names()
    assert {f"helixnas-{name}" for name in ZOO} <= set(names)
    file = tmp_path / "architecture.json"
    file.write_text(SMALL.parse("8:mb3_k3 8:mb3_k5 8:mb3_k3 8:mb3_k3").to_json())
    name = register_encoder("mine", file)
    segmenter = smp.DeepLabV3Plus(name, encoder_weights=None, encoder_output_stride=16, classes=5).eval()
    assert segmenter(IMAGES).shape == (1, 5, 64, 64)
    layer = Operation.of("t", kind="attention", head_dim=4)
    stem = (Stage(16, OfLayers(8, (Operation.of("p", kind="patch", grid=4),))),)
    flat = Architecture(stem, tuple(Stage(1, OfLayers(8, (layer,))) for _ in range(4)), Head(0, kind="norm"))
    transformer = smp.UPerNet(register_encoder("flat", flat), encoder_weights=None, classes=5).eval()
    assert transformer(IMAGES).shape == (1, 5, 64, 64)
    with pytest.raises(ConfigError, match="helixnas-dna_a is a model of the zoo; choose another name"):
        register_encoder("dna_a", file)


def test_a_network_that_cannot_be_an_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="it gives no feature maps: it has no forward_intermediates"):
        Backbone(nn.Conv2d(3, 4, 3), name="it")
    with pytest.raises(ConfigError, match="it has no features of stride 32, only of 16"):
        Backbone(timm.create_model("test_vit"), name="it")
    with pytest.raises(ConfigError, match="it takes images of 3 channels, not 4"):
        Backbone(timm.create_model("test_efficientnet"), name="it").set_in_channels(4)


def test_plain_transformers_are_told_from_pyramids() -> None:
    assert is_flat(timm.create_model("test_vit"))
    assert not is_flat(timm.create_model("test_efficientnet"))
    assert not is_flat(nn.Identity())
