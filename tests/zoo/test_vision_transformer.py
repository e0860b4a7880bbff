"""A searched vision transformer does what users of timm expect of a model."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from timm.optim import param_groups_weight_decay
from torch import nn

from helixnas.errors import SpaceError
from helixnas.nn import build_seeded
from helixnas.space import Architecture, vit
from helixnas.zoo import HELIXNAS, HelixNet

OPTIONS: dict[str, Any] = {
    "dimensions": (16, 24, 32),
    "head_dim": 8,
    "mlp_ratios": (2, 4),
    "layers": (1, 2),
    "patch": 4,
    "image_size": 32,
    "stem_width": 24,
}
PLAIN = vit(strides=(1, 1, 1), **OPTIONS).parse("24:attn_r2,attn_r2 32:attn_r4 16:attn_r4,attn_r4")
PYRAMID = vit(strides=(1, 2, 2), **OPTIONS).parse("16:attn_r2 24:attn_r4 32:attn_r4,attn_r4")
SAME_WIDTH = vit(strides=(1, 1), **OPTIONS).parse("24:attn_r4,attn_r4 24:attn_r4,attn_r4")
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def create(arch: Architecture = PLAIN, **arguments: Any) -> Any:
    """Build the network of the test through timm, in eval mode."""
    return build_seeded(lambda: timm.create_model(HELIXNAS, arch=arch, **arguments), (0,)).eval()


def test_a_network_of_one_width_computes_what_timms_vision_transformer_computes() -> None:
    own = create(SAME_WIDTH, num_classes=5)
    other = VisionTransformer(
        img_size=32,
        patch_size=4,
        embed_dim=24,
        depth=4,
        num_heads=3,
        class_token=False,
        global_pool="avg",
        fc_norm=False,
        num_classes=5,
    ).eval()
    state = own.state_dict()
    renamed = {
        "pos_embed": state["stem.0.0.pos_embed"].flatten(2).transpose(1, 2),
        "patch_embed.proj.weight": state["stem.0.0.conv.weight"],
        "patch_embed.proj.bias": state["stem.0.0.conv.bias"],
        **{f"norm.{name}": state[f"conv_head.{name}"] for name in ("weight", "bias")},
        **{f"head.{name}": state[f"classifier.{name}"] for name in ("weight", "bias")},
    }
    for number, layer in enumerate(layer for block in own.blocks for layer in block):
        parts = layer.state_dict()
        for name in ("weight", "bias"):
            renamed[f"blocks.{number}.attn.qkv.{name}"] = torch.cat(
                [parts.pop(f"attn.{each}.{name}") for each in "qkv"]
            )
        renamed |= {f"blocks.{number}.{name}": value for name, value in parts.items()}
    other.load_state_dict(renamed)
    assert torch.allclose(own(IMAGES), other(IMAGES), atol=1e-6)


def test_features_only_gives_one_map_per_block() -> None:
    model = create(features_only=True)
    assert model.feature_info.channels() == [24, 32, 16]
    assert model.feature_info.reduction() == [4, 4, 4]
    assert [tuple(each.shape) for each in model(IMAGES)] == [(2, 24, 8, 8), (2, 32, 8, 8), (2, 16, 8, 8)]
    pyramid = create(PYRAMID, features_only=True)
    assert pyramid.feature_info.reduction() == [4, 8, 16]
    assert [tuple(each.shape) for each in pyramid(IMAGES)] == [(2, 16, 8, 8), (2, 24, 4, 4), (2, 32, 2, 2)]
    (only,) = create(features_only=True, out_indices=(1,))(IMAGES)
    assert torch.equal(only, model(IMAGES)[1])


def test_intermediates_are_the_maps_on_the_way_and_the_last_one_may_be_normed() -> None:
    model = create()
    final, features = model.forward_intermediates(IMAGES)
    assert torch.equal(final, model.forward_features(IMAGES))
    assert torch.equal(features[0], model.blocks[0](model.stem(IMAGES)))
    assert torch.equal(model.conv_head(features[-1]), final)
    _, normed = model.forward_intermediates(IMAGES, norm=True)
    assert torch.equal(normed[-1], final)
    assert torch.equal(normed[1], features[1])
    (early,) = model.forward_intermediates(IMAGES, indices=[0], norm=True, stop_early=True, intermediates_only=True)
    assert torch.equal(early, features[0])


def test_another_image_size_interpolates_the_positions() -> None:
    model = create(num_classes=3)
    images = torch.rand(2, 3, 48, 40, generator=torch.Generator().manual_seed(1))
    assert model(images).shape == (2, 3)
    flat = create(num_classes=3)
    with torch.no_grad():
        flat.stem[0][0].pos_embed.zero_()
    assert not torch.allclose(model(images), flat(images))
    with pytest.raises(SpaceError, match="30 pixels cannot be cut into patches of 4; .* are 28 and 32"):
        model(torch.rand(1, 3, 30, 32))


def test_positions_are_not_decayed() -> None:
    model = create()
    assert model.no_weight_decay() == {"stem.0.0.pos_embed"}
    plain, decayed = param_groups_weight_decay(model, 0.05, no_weight_decay_list=model.no_weight_decay())
    assert (plain["weight_decay"], decayed["weight_decay"]) == (0.0, 0.05)
    assert any(each is model.stem[0][0].pos_embed for each in plain["params"])
    assert all(each.dim() > 1 for each in decayed["params"])


def test_a_classifier_is_replaced_and_the_first_convolution_named() -> None:
    model = create(num_classes=0)
    assert torch.allclose(model(IMAGES), model.forward_features(IMAGES).mean((2, 3)), atol=1e-6)
    model.reset_classifier(4)
    assert model(IMAGES).shape == (2, 4)
    assert isinstance(model.get_submodule(model.pretrained_cfg["first_conv"]), nn.Conv2d)
    assert create(in_chans=1, num_classes=3)(IMAGES[:, :1]).shape == (2, 3)


def test_checkpointing_changes_memory_and_not_gradients() -> None:
    gradients = []
    for enable in (False, True):
        model = create(num_classes=3)
        model.set_grad_checkpointing(enable)
        model(IMAGES).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(one is not None and torch.allclose(one, other, atol=1e-6) for one, other in zip(*gradients, strict=True))


def test_stochastic_depth_grows_with_depth() -> None:
    model = create(drop_path_rate=0.5)
    rates = [getattr(layer.drop_path1, "drop_prob", 0.0) for stage in model.blocks for layer in stage]
    assert rates == pytest.approx([0.5 * number / 5 for number in range(5)])


def test_parameters_group_by_depth() -> None:
    model = create()
    matched = timm.models.group_parameters(model, model.group_matcher())
    assert len(matched) == 1 + 5 + 1
    assert matched[0] == ["stem.0.0.pos_embed", "stem.0.0.conv.weight", "stem.0.0.conv.bias"]


def test_pruning_keeps_what_the_features_need() -> None:
    model = create()
    _, (before,) = model.forward_intermediates(IMAGES, indices=[1])
    assert model.prune_intermediate_layers([1]) == [1]
    assert (len(model.blocks), model.num_features) == (2, 32)
    assert torch.equal(model(IMAGES), before)
    assert isinstance(model, HelixNet)


@pytest.mark.slow
def test_a_network_can_be_scripted(fork: Callable[..., Any]) -> None:
    script = (  # in a process of its own, since torch cannot script functions whose annotations are checked
        "import sys, timm, torch, helixnas.zoo; from helixnas.space import Architecture;"
        "arch = Architecture.from_json(sys.argv[1]);"
        "model = timm.create_model('helixnas', arch=arch, num_classes=5, drop_path_rate=.1).eval();"
        "scripted = torch.jit.script(model); sizes = ((32, 32), (64, 48));"
        "images = [torch.rand(2, 3, *size) for size in sizes];"
        "print(all(torch.allclose(scripted(each), model(each), atol=1e-6) for each in images))"
    )
    code, said, complaints = fork(script, PYRAMID.to_json()).wait()
    assert (code, said.strip()) == (0, "True"), complaints
