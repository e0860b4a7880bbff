"""Re-ordering by importance leaves a vision transformer's function unchanged, and puts the important parts first."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from helixnas.errors import TeacherError
from helixnas.supernet import order_by_importance
from helixnas.supernet.importance import importance_of_channels, importance_of_heads, importance_of_hidden_units

MakeVit = Callable[..., VisionTransformer]

KINDS: dict[str, dict[str, Any]] = {
    "average pooling": {},
    "class token": {"class_token": True, "global_pool": "token"},
    "register tokens": {"class_token": True, "global_pool": "token", "reg_tokens": 2, "no_embed_class": True},
    "layer scale": {"init_values": 0.1},
    "norm before": {"pre_norm": True},
    "no bias, no positions": {"qkv_bias": False, "pos_embed": "none"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_outputs_of_a_re_ordered_network_are_those_of_before(kind: str, vit_of: MakeVit) -> None:
    model = vit_of(**KINDS[kind])
    images = torch.randn(3, 3, 16, 16)
    before, weights = model(images), copy.deepcopy(model.state_dict())
    order_by_importance(model)
    torch.testing.assert_close(model(images), before, rtol=1e-3, atol=1e-4)
    assert any(not torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_features_keep_their_values_in_one_order_of_channels_everywhere(vit_of: MakeVit) -> None:
    model = vit_of()
    images = torch.randn(2, 3, 16, 16)
    order = importance_of_channels(model).argsort(descending=True, stable=True)
    before = model.forward_intermediates(images, intermediates_only=True)
    order_by_importance(model)
    for old, new in zip(before, model.forward_intermediates(images, intermediates_only=True), strict=True):
        torch.testing.assert_close(new, old[:, order], rtol=1e-3, atol=1e-4)


def test_a_distilled_network_keeps_both_of_its_outputs(vit_of: MakeVit) -> None:
    torch.manual_seed(0)
    model = VisionTransformerDistilled(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=5)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    images = torch.randn(2, 3, 16, 16)
    before = model.eval()(images)
    order_by_importance(model)
    torch.testing.assert_close(model(images), before, rtol=1e-3, atol=1e-4)


def test_important_parts_come_first(vit_of: MakeVit) -> None:
    model = vit_of()
    order_by_importance(model)
    channels = importance_of_channels(model)
    assert (channels.diff() <= 1e-9).all()
    assert channels.mean().item() == pytest.approx(1)
    for block in model.blocks:
        assert (importance_of_heads(block).diff() <= 1e-9).all()
        assert (importance_of_hidden_units(block).diff() <= 1e-9).all()


def test_parts_without_weight_are_the_least_important(vit_of: MakeVit) -> None:
    model: Any = vit_of()
    with torch.no_grad():
        for block in model.blocks:
            for weight in (block.attn.qkv.weight, block.mlp.fc1.weight):
                weight[:, 5] = 0
            for weight in (block.attn.proj.weight, block.mlp.fc2.weight):
                weight[5] = 0
        model.blocks[1].attn.proj.weight[:, 8:16] = 0  # the second head
        model.blocks[2].mlp.fc2.weight[:, 7] = 0
    assert importance_of_channels(model)[5] == 0
    assert importance_of_heads(model.blocks[1])[1] == 0
    assert importance_of_hidden_units(model.blocks[2])[7] == 0


def test_scores_are_those_of_the_definition(vit_of: MakeVit) -> None:
    model: Any = vit_of(init_values=0.1)
    block = model.blocks[0]
    rows = block.mlp.fc1.weight.double() * block.norm2.weight.double()
    expected = rows.norm(dim=1) * block.mlp.fc2.weight.double().norm(dim=0)
    torch.testing.assert_close(importance_of_hidden_units(block), expected.detach())
    values = block.attn.qkv.weight.double()[48 + 8 : 48 + 16] * block.norm1.weight.double()
    expected = values.norm() * block.attn.proj.weight.double()[:, 8:16].norm()
    assert importance_of_heads(block)[1].item() == pytest.approx(expected.item())


def test_ordering_again_changes_nothing(vit_of: MakeVit) -> None:
    model = vit_of()
    order_by_importance(model)
    weights = copy.deepcopy(model.state_dict())
    order_by_importance(model)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_a_network_with_parts_that_are_not_re_ordered_is_refused(vit_of: MakeVit) -> None:
    model = vit_of()
    other = nn.Linear(24, 24)
    model.norm.register_forward_hook(lambda module, inputs, output: other(output))
    with pytest.raises(
        TeacherError, match="^the channels of the teacher, a VisionTransformer, cannot be re-ordered: .*; choose"
    ):
        order_by_importance(model)


def test_training_mode_is_kept(vit_of: MakeVit) -> None:
    for mode in (True, False):
        model = vit_of().train(mode)
        order_by_importance(model)
        assert model.training is mode
