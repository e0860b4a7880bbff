"""Slimmable cells that begin from a vision transformer: the largest path is the teacher's block, narrower ones are slices."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.layers import QuickGELU
from timm.models.vision_transformer import ResPostBlock, VisionTransformer
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.nn.attention import map_of, tokens_of
from helixnas.space import SearchSpace, vit
from helixnas.space.slicing import largest_path
from helixnas.supernet import (
    SlimmableCells,
    Supernet,
    SupernetConfig,
    begin_from_teacher,
    build_supernet,
    order_by_importance,
    require_same_layers,
)

MakeVit = Callable[..., VisionTransformer]
CUTS = ("blocks.1", "blocks.3")


def space_of(**others: Any) -> SearchSpace:
    blocks = {"dimensions": (8, 16, 24), "head_dim": 8, "mlp_ratios": (1, 2), "layers": (2,), "strides": (1, 1)}
    return vit(**{**blocks, "patch": 4, "image_size": 16, "stem_width": 24, **others})


def begun(model: VisionTransformer, space: SearchSpace, *, cuts: tuple[str, ...] = CUTS, **settings: Any) -> Supernet:
    config = SupernetConfig(slimmable=True, init="teacher", **settings)
    supernet = build_supernet(space, (24,) * len(space.blocks), config=config, seed=0)
    begin_from_teacher(supernet, require_same_layers(space, model, cuts), cuts)
    return supernet


def features_of(model: VisionTransformer, images: Tensor) -> list[Tensor]:
    """Return the images and the outputs of layers 2 and 4."""
    return [images, *model.forward_intermediates(images, indices=[1, 3], intermediates_only=True)]


@pytest.mark.parametrize(
    ("teacher", "student"),
    [
        ({}, {}),
        ({"init_values": 0.1}, {}),
        ({"init_values": 0.1}, {"layer_scale": 0.5}),
        ({}, {"layer_scale": 0.5}),
        ({"qkv_bias": False}, {}),
        ({"qkv_bias": False}, {"qkv_bias": False}),
        ({"pos_embed": "none"}, {}),
    ],
    ids=["plain", "scale folded", "scale kept", "scale of one", "bias of zero", "no bias", "no positions"],
)
def test_the_largest_path_computes_the_teachers_block(
    teacher: dict[str, Any], student: dict[str, Any], vit_of: MakeVit
) -> None:
    model = vit_of(**teacher)
    supernet = begun(model, space_of(**student))
    features = features_of(model, torch.randn(2, 3, 16, 16))
    for block in supernet:
        cell = next(cell for cell in block if cell.cell.width == 24)
        found = cell(features[block.number - 1], largest_path(cell.cell), 24)
        torch.testing.assert_close(found, features[block.number], rtol=1e-4, atol=1e-4)


def test_a_narrow_slice_has_the_first_channels_heads_and_hidden_units_of_the_teachers_layer(vit_of: MakeVit) -> None:
    model: Any = vit_of()
    supernet = begun(model, space_of())
    given = model.blocks[2]
    cell = next(cell for cell in supernet.block(2) if cell.cell.width == 16)
    state = cell.operation(0, "attn_r2", 16).state_dict()
    assert torch.equal(state["attn.v.weight"], given.attn.qkv.weight[48 : 48 + 16, :16])
    assert torch.equal(state["attn.k.bias"], given.attn.qkv.bias[24 : 24 + 16])
    assert torch.equal(state["mlp.fc2.weight"], given.mlp.fc2.weight[:16, :32])
    assert torch.equal(state["norm2.weight"], given.norm2.weight[:16])


def test_adapters_and_patch_convolutions_begin_as_selections_of_channels_from_either_end(vit_of: MakeVit) -> None:
    block = begun(vit_of(), space_of(), slices="two-sided").block(2)
    (shared,) = block.cells
    assert isinstance(shared, SlimmableCells)
    x = torch.randn(2, 24, 4, 4)
    assert torch.equal(shared.entry(8)(x), x[:, :8])
    assert torch.equal(shared.entry(8, suffix=True)(x), x[:, -8:])
    padded = shared.exit(16)(x[:, :16])
    assert torch.equal(padded[:, :16], x[:, :16])
    assert not padded[:, 16:].any()
    assert torch.equal(shared.exit(16, suffix=True)(x[:, -16:])[:, -16:], x[:, -16:])
    stored = shared.layer(0).stored["attn_r2"].get_parameter("entry.weight")
    assert torch.equal(stored[:, :, 0, 0], torch.eye(24))
    norms = shared.layer(0).norms["attn_r2"]
    assert torch.equal(norms.get_parameter("8-suffix.norm1.bias"), norms.get_parameter("24.norm1.bias")[-8:])


def test_ordering_the_teacher_first_makes_narrow_slices_better(vit_of: MakeVit) -> None:
    images = torch.randn(8, 3, 16, 16)
    errors = list[float]()
    for is_ordered in (False, True):
        model: Any = vit_of()
        with torch.no_grad():  # a stream of which the last third of the channels carries most
            for block in model.blocks:
                for weight in (block.attn.qkv.weight, block.mlp.fc1.weight):
                    weight[:, :16] *= 0.1
                for weight in (block.attn.proj.weight, block.mlp.fc2.weight):
                    weight[:16] *= 0.1
        if is_ordered:
            order_by_importance(model)
        features = features_of(model, images)
        cell = next(cell for cell in begun(model, space_of()).block(2) if cell.cell.width == 8)
        found = cell(features[1], largest_path(cell.cell), 24)
        errors.append((found - features[2]).square().mean().item())
    assert errors[1] < 0.7 * errors[0]


def test_a_cell_of_fewer_layers_takes_some_and_a_deeper_one_adds_identities(vit_of: MakeVit) -> None:
    model: Any = vit_of()
    supernet = begun(model, space_of(layers=(1, 3)))
    features = features_of(model, torch.randn(2, 3, 16, 16))
    cells = {cell.cell.depth: cell for cell in supernet.block(2) if cell.cell.width == 24}
    deep = cells[3](features[1], largest_path(cells[3].cell), 24)
    torch.testing.assert_close(deep, features[2], rtol=1e-4, atol=1e-4)
    shallow = cells[1](features[1], largest_path(cells[1].cell), 24)
    torch.testing.assert_close(shallow, map_of(model.blocks[3](tokens_of(features[1])), 4, 4), rtol=1e-4, atol=1e-4)


def test_positions_of_a_class_token_are_left_out_and_others_interpolated(vit_of: MakeVit) -> None:
    model = vit_of(class_token=True, global_pool="token", img_size=32)
    supernet = begun(model, space_of())
    assert model.pos_embed is not None
    assert model.pos_embed.shape[1] == 65
    own = dict(supernet.block(1).named_parameters())
    (positions,) = (value for name, value in own.items() if name.endswith("pos_embed"))
    assert positions.shape == (1, 24, 4, 4)
    expected = model.pos_embed[:, 1:].mean((0, 1))
    torch.testing.assert_close(positions.mean((0, 2, 3)), expected, rtol=0.3, atol=0.03)


@pytest.mark.parametrize(
    ("teacher", "student", "message"),
    [
        (
            {"qk_norm": True},
            {},
            "needs a vision transformer of timm with plain layers .* but it is a VisionTransformer; choose",
        ),
        ({"block_fn": ResPostBlock}, {}, "needs a vision transformer of timm with plain layers"),
        ({}, {"stem_width": 16}, "stem_width must be 24; change it, or choose supernet.init=random"),
        ({}, {"patch": 2}, "patch must be 4; change it"),
        ({}, {"strides": (1, 2)}, r"strides must be \(1, 1\); change it"),
        ({}, {"positions": False}, "positions must be True; change it"),
        ({}, {"dimensions": ((8, 24), (8, 16))}, "the largest of dimensions in block 2 must be 24; change it"),
        ({}, {"mlp_ratios": (1, 4)}, "the largest of mlp_ratios in block 1 must be 2; change it"),
        ({}, {"head_dim": 4}, "head_dim must be 8; change it"),
        ({}, {"qkv_bias": False}, "qkv_bias must be True; change it"),
        (
            {"act_layer": QuickGELU},
            {},
            "needs the teacher's activation, QuickGELU, but operation attn_r[12] has another",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_with_what_would(
    teacher: dict[str, Any], student: dict[str, Any], message: str, vit_of: MakeVit
) -> None:
    with pytest.raises(TeacherError, match=f"^supernet.init=teacher needs .*{message.removeprefix('needs ')}"):
        require_same_layers(space_of(**student), vit_of(**teacher), CUTS)


def test_another_network_and_other_boundaries_are_refused(vit_of: MakeVit) -> None:
    with pytest.raises(TeacherError, match="but it is a Sequential; choose another teacher or supernet.init=random"):
        require_same_layers(space_of(), nn.Sequential(), CUTS)
    message = (
        "needs boundaries at whole layers, blocks.0 to blocks.3, but teacher.boundaries names blocks.1.norm1; change it"
    )
    with pytest.raises(TeacherError, match=message):
        require_same_layers(space_of(), vit_of(), ("blocks.1.norm1", "blocks.3"))
