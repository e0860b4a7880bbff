"""Patches are timm's patch embedding with positions, also on images of another size."""

import pytest
import torch
from timm.layers import PatchEmbed, resample_abs_pos_embed
from torch import nn

from helixnas.errors import SpaceError
from helixnas.nn import Place, build_operation, count_macs, count_params
from helixnas.nn.patches import PatchConv, PatchEmbedding
from helixnas.space import Operation

IMAGES = torch.randn(2, 3, 24, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(16, 16), (24, 16), (8, 32)])
def test_an_embedding_is_timms_with_its_positions_resampled(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    stem = PatchEmbedding(3, 8, 4, grid=4)
    embed = PatchEmbed(img_size=None, patch_size=4, in_chans=3, embed_dim=8)
    embed.proj.load_state_dict(stem.conv.state_dict())
    assert stem.pos_embed is not None
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    grid = [side // 4 for side in size]
    positions = resample_abs_pos_embed(stem.pos_embed.flatten(2).transpose(1, 2), grid, num_prefix_tokens=0)
    expected = embed(images) + positions
    assert torch.allclose(stem(images).flatten(2).transpose(1, 2), expected, atol=1e-6)


def test_positions_learn_and_tell_patches_apart() -> None:
    torch.manual_seed(0)
    stem = PatchEmbedding(3, 8, 4, grid=4)
    given = stem(torch.zeros(1, 3, 24, 24))  # interpolated, so the gradient passes through the interpolation
    assert len(given.flatten(2).unique(dim=2).flatten(0, 1).T) == 36
    given.square().sum().backward()
    assert stem.pos_embed is not None
    assert stem.pos_embed.grad is not None
    assert (stem.pos_embed.grad != 0).all()
    assert not PatchEmbedding(3, 8, 4)(torch.zeros(1, 3, 8, 8)).any()


def test_the_size_of_a_stem_is_its_closed_form() -> None:
    operation = Operation.of("patch", kind="patch", grid=4)
    with torch.device("meta"):
        stem = build_operation(operation, Place(in_width=3, out_width=8, stride=4))
    assert count_params(stem) == 3 * 16 * 8 + 8 + 16 * 8
    assert count_macs(stem, (1, 3, 16, 16)) == 16 * 3 * 16 * 8


def test_a_patch_convolution_keeps_the_variance() -> None:
    torch.manual_seed(0)
    conv = PatchConv(3, 256, 8)
    nn.init.normal_(conv.weight)
    conv.init_weights()
    given = conv(torch.randn(64, 3, 16, 16))
    assert given.std().item() == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(("side", "nearest"), [(225, "224 and 240"), (223, "208 and 224"), (5, "16 and 32")])
def test_images_that_patches_do_not_cover_are_refused_with_the_nearest_that_they_do(side: int, nearest: str) -> None:
    stem = PatchEmbedding(3, 4, 16, grid=2)
    message = f"{side} pixels cannot be cut into patches of 16; the nearest sizes that can are {nearest}"
    with pytest.raises(SpaceError, match=message):
        stem(torch.zeros(1, 3, 32, side))
    place = Place(in_width=3, out_width=4, stride=16, grid=side)
    with pytest.raises(SpaceError, match=message):
        build_operation(Operation.of("patch", kind="patch", grid=2), place)


def test_a_layer_that_merges_checks_its_grid_when_it_is_known() -> None:
    operation = Operation.of("attn", kind="attention", head_dim=4)
    with pytest.raises(SpaceError, match="7 pixels cannot be cut into patches of 2; .* are 6 and 8"):
        build_operation(operation, Place(in_width=8, out_width=8, stride=2, grid=7))
    assert build_operation(operation, Place(in_width=8, out_width=8, stride=2, grid=8))
