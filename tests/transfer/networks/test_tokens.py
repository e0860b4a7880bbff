"""A plain transformer becomes a pyramid of strides 4, 8, 16 and 32."""

import pytest
import timm
import torch

from helixnas.errors import ConfigError
from helixnas.space import Architecture, Head, Operation, Path, Stage
from helixnas.transfer.networks.tokens import TokenPyramid
from helixnas.zoo import HELIXNAS

IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_the_maps_of_four_blocks_make_a_pyramid() -> None:
    pyramid = TokenPyramid(timm.create_model("test_vit"), image_size=64)
    assert pyramid.indices == [0, 2, 3, 5]
    maps = pyramid(IMAGES)
    assert [each.shape[1] for each in maps] == pyramid.out_channels == [3, 0, 64, 64, 64, 64]
    assert [each.shape[-1] for each in maps] == [64, 32, 16, 8, 4, 2]
    sum(each.square().sum() for each in maps[2:]).backward()
    assert all(parameter.grad is not None for name, parameter in pyramid.named_parameters() if "norm." not in name)


def test_the_map_of_stride_16_is_the_transformer_s_own() -> None:
    model = timm.create_model("test_vit", img_size=64).eval()
    with torch.no_grad():
        expected = model.forward_intermediates(IMAGES, indices=[3], intermediates_only=True)[0]
        found = TokenPyramid(model, image_size=64).eval()(IMAGES)[4]
    assert torch.equal(found, expected)


def test_other_patches_are_refused() -> None:
    with pytest.raises(ConfigError, match="it has patches of 8 pixels; UPerNet takes transformers with patches of 16"):
        TokenPyramid(timm.create_model("vit_tiny_patch16_224", patch_size=8, depth=4), image_size=64, name="it")


def test_searched_transformers_make_the_same_pyramid_at_any_size() -> None:
    layer = Operation.of("t", kind="attention", head_dim=4)
    stem = (Stage(16, Path(8, (Operation.of("p", kind="patch", grid=4),))),)
    network = Architecture(stem, tuple(Stage(1, Path(8, (layer,))) for _ in range(4)), Head(0, kind="norm"))
    pyramid = TokenPyramid(timm.create_model(HELIXNAS, arch=network), image_size=96)
    maps = pyramid(torch.rand(1, 3, 96, 96))
    assert [each.shape[-1] for each in maps] == [96, 48, 24, 12, 6, 3]


def test_a_transformer_of_few_blocks_is_refused() -> None:
    with pytest.raises(ConfigError, match="it has 3 blocks; UPerNet takes the maps of 4"):
        TokenPyramid(timm.create_model("vit_tiny_patch16_224", depth=3), image_size=64, name="it")
