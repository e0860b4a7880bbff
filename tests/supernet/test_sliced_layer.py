"""A slice is a smaller layer: it computes what timm's block of that width computes with the sliced weights."""

import copy
from typing import Any

import pytest
import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from helixnas.nn import Place, build_operation
from helixnas.nn.attention import AttentionLayer, map_of, tokens_of
from helixnas.space import LayerPlace, Operation, attention_operation
from helixnas.supernet import SlicedLayer
from helixnas.supernet.sliced_layer import end_key, shared_options

RATIOS = (2, 3.5)
WIDTHS = (8, 16, 24)
PLACES = [LayerPlace(before, width, 1) for before in WIDTHS for width in WIDTHS]


def make(places: list[LayerPlace] = PLACES, *, two_sided: bool = False, **options: Any) -> SlicedLayer:
    """Return all candidates of a layer, with random biases and norms."""
    torch.manual_seed(0)
    layer = SlicedLayer(operations(**options), places, two_sided=two_sided)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return layer


def operations(**options: Any) -> list[Operation]:
    return [attention_operation(ratio, head_dim=4, **options) for ratio in RATIOS]


def block_of(layer: SlicedLayer, operation: Operation, width: int, *, suffix: bool) -> Block:
    """Return timm's block of a width with slices of the stored tensors, taken here by index."""
    stored, options = layer.stored[operations()[-1].name], dict(operation.options)
    norms = layer.norms[operations()[-1].name].get_submodule(end_key(width, max(WIDTHS), suffix))
    scale = float(options["layer_scale"]) or None
    block = Block(
        width, width // 4, mlp_ratio=float(options["mlp_ratio"]), qkv_bias=bool(options["qkv_bias"]), init_values=scale
    )

    def part(tensor: Tensor, *sizes: int) -> Tensor:
        return tensor[tuple(slice(-size, None) if suffix else slice(size) for size in sizes)]

    hidden = block.mlp.fc1.out_features
    attn, mlp = stored.get_submodule("attn"), stored.get_submodule("mlp")
    with torch.no_grad():
        for row, name in enumerate("qkv"):
            rows = slice(row * width, (row + 1) * width)
            block.attn.qkv.weight[rows] = part(attn.get_parameter(f"{name}.weight"), width, width)
            if options["qkv_bias"]:
                block.attn.qkv.bias[rows] = part(attn.get_parameter(f"{name}.bias"), width)
        block.attn.proj.weight.copy_(part(attn.get_parameter("proj.weight"), width, width))
        block.attn.proj.bias.copy_(part(attn.get_parameter("proj.bias"), width))
        block.mlp.fc1.weight.copy_(part(mlp.get_parameter("fc1.weight"), hidden, width))
        block.mlp.fc1.bias.copy_(part(mlp.get_parameter("fc1.bias"), hidden))
        block.mlp.fc2.weight.copy_(part(mlp.get_parameter("fc2.weight"), width, hidden))
        block.mlp.fc2.bias.copy_(part(mlp.get_parameter("fc2.bias"), width))
        for name in ("norm1", "norm2"):
            getattr(block, name).load_state_dict(norms.get_submodule(name).state_dict())
        if scale:
            for name in ("ls1", "ls2"):
                getattr(block, name).gamma.copy_(part(stored.get_parameter(f"{name}.gamma"), width))
    return block


@pytest.mark.parametrize("suffix", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"qkv_bias": False}, {"layer_scale": 0.1}], ids=["plain", "no bias", "layer scale"]
)
def test_a_slice_computes_what_timms_block_of_its_width_computes(options: dict[str, Any], suffix: bool) -> None:
    layer = make(two_sided=True, **options)
    for operation in operations(**options):
        for width in WIDTHS:
            x = torch.randn(2, width, 3, 5)
            found = layer.candidate(operation, LayerPlace(width, width, 1), suffix=suffix)(x)
            expected = map_of(block_of(layer, operation, width, suffix=suffix)(tokens_of(x)), 3, 5)
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_slice_has_the_weights_of_the_layer_that_a_network_builds() -> None:
    layer = make([LayerPlace(a, b, 2) for a in (8, 16) for b in (16, 24)])
    for operation in operations():
        for place in (LayerPlace(8, 16, 2), LayerPlace(16, 16, 2), LayerPlace(16, 24, 2)):
            built = build_operation(operation, Place(**place._asdict()))
            piece = layer.candidate(operation, place)
            built.load_state_dict(piece.state_dict())
            x = torch.randn(2, place.in_width, 4, 4)
            assert torch.equal(piece(x), built(x))


def test_the_patch_convolution_is_a_slice_and_absent_where_width_and_grid_agree() -> None:
    layer = make()
    first = operations()[0]
    stored = layer.stored[operations()[-1].name].get_parameter("entry.weight")
    assert stored.shape == (24, 24, 1, 1)
    state = layer.candidate(first, LayerPlace(8, 16, 1)).state_dict()
    assert torch.equal(state["entry.weight"], stored[:16, :8])
    assert not [name for name in layer.candidate(first, LayerPlace(16, 16, 1)).state_dict() if name.startswith("entry")]


def test_layers_of_one_width_store_no_patch_convolution() -> None:
    assert not [name for name, _ in make([LayerPlace(8, 8, 1)]).named_parameters() if "entry" in name]


def test_every_width_has_norms_of_its_own_and_suffixes_too_but_for_the_largest() -> None:
    name = operations()[-1].name
    assert [key for key, _ in make().norms[name].named_children()] == ["8", "16", "24"]
    keys = [key for key, _ in make(two_sided=True).norms[name].named_children()]
    assert sorted(keys) == ["16", "16-suffix", "24", "8", "8-suffix"]


def test_candidates_that_differ_in_more_than_the_ratio_share_nothing() -> None:
    two = [attention_operation(2, head_dim=4), Operation.of("other", kind="attention", head_dim=4, activation="relu")]
    layer = SlicedLayer(two, [LayerPlace(8, 8, 1)])
    assert set(layer.stored) == {"attn_r2", "other"}
    used = [{id(parameter) for parameter, _ in layer.slices(op, LayerPlace(8, 8, 1)).values()} for op in two]
    assert not used[0] & used[1]
    assert shared_options(two[0]) != shared_options(two[1])


def test_gradients_reach_the_slice_and_nothing_else() -> None:
    layer = make()
    operation, place = operations()[0], LayerPlace(8, 16, 1)
    layer.candidate(operation, place)(torch.randn(2, 8, 3, 3)).square().sum().backward()
    slices = dict(layer.slices(operation, place).values())
    assert {id(p) for p in layer.parameters() if p.grad is not None} == {id(p) for p in slices}
    for parameter, region in slices.items():
        assert parameter.grad is not None
        inside = parameter.grad[tuple(slice(*edges) for edges in region)]
        assert inside.any()
        assert inside.count_nonzero() == parameter.grad.count_nonzero()


def test_slices_follow_their_weights_when_these_move_or_are_copied() -> None:
    layer = make()
    operation, place = operations()[0], LayerPlace(8, 8, 1)
    piece, x = layer.candidate(operation, place), torch.randn(2, 8, 3, 3)
    before = piece(x)
    copied = copy.deepcopy(layer)
    layer.double()
    torch.testing.assert_close(piece(x.double()).float(), before, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    assert torch.equal(copied.candidate(operation, place)(x), before)


def test_silenced_layers_begin_as_their_entry() -> None:
    layer = SlicedLayer(operations(), PLACES, zero_init_residual=True)
    x = torch.randn(2, 8, 3, 3)
    assert torch.equal(layer.candidate(operations()[0], LayerPlace(8, 8, 1))(x), x)


def test_stored_layers_begin_as_transformer_layers_do() -> None:
    torch.manual_seed(0)
    stored = SlicedLayer(operations(), PLACES).stored[operations()[-1].name]
    assert isinstance(stored, AttentionLayer)
    assert stored.mlp.fc1.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not any(part.bias.any() for part in stored.modules() if isinstance(part, nn.Linear))
