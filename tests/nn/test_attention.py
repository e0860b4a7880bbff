"""A transformer layer on maps is timm's on tokens, costs its closed form, and contains its smaller layers as slices."""

from typing import Any

import pytest
import torch
from timm.layers import DropPath
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from helixnas.errors import SpaceError
from helixnas.nn import Place, build_operation, count_all, count_macs, count_params, initialize, silence_residual
from helixnas.nn.attention import AttentionLayer, map_of, tokens_of
from helixnas.space import Operation, mbconv_operation

FEATURES = torch.randn(2, 24, 5, 6, generator=torch.Generator().manual_seed(0))


def build(
    in_width: int = 24, out_width: int = 24, stride: int = 1, rate: float = 0.0, **options: Any
) -> AttentionLayer:
    """Return a layer with heads of 8 channels, or of the options, and random biases and norms."""
    torch.manual_seed(0)
    operation = Operation.of("attn", kind="attention", **({} if "heads" in options else {"head_dim": 8}), **options)
    place = Place(in_width=in_width, out_width=out_width, stride=stride, drop_path_rate=rate)
    layer = build_operation(operation, place)
    assert isinstance(layer, AttentionLayer)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return layer


def block_of(layer: AttentionLayer, width: int, heads: int, hidden: int) -> Block:
    """Return timm's block of a smaller width with the first channels, heads and hidden units of a layer."""
    inner = heads * layer.attn.head_dim
    has_bias = layer.attn.q.bias is not None
    scale = 0.1 if not isinstance(layer.ls1, nn.Identity) else None
    block = Block(width, heads, mlp_ratio=hidden / width, qkv_bias=has_bias, init_values=scale)
    parts = (layer.attn.q, layer.attn.k, layer.attn.v)
    with torch.no_grad():
        block.attn.qkv.weight.copy_(torch.cat([part.weight[:inner, :width] for part in parts]))
        if has_bias:
            block.attn.qkv.bias.copy_(torch.cat([part.bias[:inner] for part in parts]))
        for name, given in layer.named_parameters():
            if not name.startswith(("entry", "attn.q", "attn.k", "attn.v")):
                own = block.get_parameter(name)
                own.copy_(given[tuple(slice(size) for size in own.shape)])
    return block


@pytest.mark.parametrize(
    "options",
    [{}, {"qkv_bias": False}, {"layer_scale": 0.1}, {"mlp_ratio": 2.5}, {"heads": 4}],
    ids=["plain", "no bias", "layer scale", "mlp ratio", "heads"],
)
def test_a_layer_computes_what_timms_block_computes_with_the_same_weights(options: dict[str, Any]) -> None:
    layer = build(**options).eval()
    block = block_of(layer, 24, options.get("heads", 3), layer.mlp.fc1.out_features).eval()
    expected = block(FEATURES.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(FEATURES.shape)
    assert torch.allclose(layer(FEATURES), expected, atol=1e-5)
    assert count_params(layer) == count_params(block)


def test_the_first_heads_channels_and_hidden_units_are_a_smaller_layer() -> None:
    large, small = build(), build(in_width=16, out_width=16)
    with torch.no_grad():
        for name, parameter in small.named_parameters():
            given = large.get_parameter(name)
            parameter.copy_(given[tuple(slice(size) for size in parameter.shape)])
    expected = block_of(large, 16, 2, 64).eval()
    tokens = tokens_of(FEATURES[:, :16])
    assert torch.allclose(tokens_of(small.eval()(FEATURES[:, :16])), expected(tokens), atol=1e-5)


def test_a_patch_convolution_enters_where_width_or_grid_change() -> None:
    assert isinstance(build().entry, nn.Identity)
    for layer, shape in ((build(out_width=16), (2, 16, 5, 6)), (build(stride=2), (2, 24, 2, 3))):
        image = FEATURES[:, :, : shape[2] * layer.entry.stride[0], :]
        assert layer(image).shape == shape
        entered = layer.entry(image)
        inside = build(in_width=shape[1], out_width=shape[1])
        inside.load_state_dict({k: v for k, v in layer.state_dict().items() if not k.startswith("entry")})
        assert torch.equal(layer(image), inside(entered))


class Copies(TorchDispatchMode):
    """Notes the operations that copy a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.name().startswith(("aten::clone", "aten::copy", "aten::contiguous", "aten::_to_copy")):
            self.names.append(func.name())
        return func(*args, **(kwargs or {}))


def test_maps_in_channels_last_memory_become_tokens_and_maps_again_without_a_copy() -> None:
    features = FEATURES.contiguous(memory_format=torch.channels_last)
    tokens = tokens_of(features)
    assert tokens.is_contiguous()
    assert tokens.data_ptr() == features.data_ptr()
    again = map_of(tokens, 5, 6)
    assert again.is_contiguous(memory_format=torch.channels_last)
    assert again.data_ptr() == features.data_ptr()
    assert torch.equal(again, features)


def test_attention_between_convolutions_copies_no_map() -> None:
    mobile = (build_operation(mbconv_operation(3, 2), Place(in_width=24, out_width=24)) for _ in range(2))
    first, last = mobile
    network = nn.Sequential(first, build(), build(out_width=16), build(in_width=16), last).eval()
    network.to(memory_format=torch.channels_last)
    features = FEATURES.contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), Copies() as copies:
        given = network(features)
    assert copies.names == []
    assert given.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("ratio", [1.5, 2.5, 4.0])
@pytest.mark.parametrize("bias", [False, True])
def test_the_costs_of_a_layer_are_their_closed_forms(ratio: float, bias: bool) -> None:
    width, side = 32, 7
    tokens, hidden = side**2, int(ratio * 32)
    with torch.device("meta"):
        layer = build(in_width=width, out_width=width, mlp_ratio=ratio, qkv_bias=bias)
    norms, attention = 2 * 2 * width, 4 * width**2 + width * (4 if bias else 1)
    assert count_params(layer) == norms + attention + 2 * width * hidden + width + hidden
    products = 2 * tokens**2 * width  # queries with keys, and attention weights with values
    macs = tokens * (4 * width**2 + 2 * width * hidden) + products
    # input, its norm (or the attended tokens), q, k and v; or input, hidden units, and tokens before or after them
    alive = max(5 * width, 2 * width + hidden) * tokens
    counts = count_all(layer, (1, width, side, side))
    assert (counts.macs, counts.activation_bytes) == (macs, 4 * alive)
    assert count_macs(layer, (1, width, side, side)) == macs


def test_a_merging_entry_costs_a_convolution_of_its_patch() -> None:
    with torch.device("meta"):
        merging, plain = build(in_width=16, out_width=32, stride=2), build(in_width=32, out_width=32)
    assert count_params(merging) - count_params(plain) == 4 * 16 * 32 + 32
    difference = count_macs(merging, (1, 16, 8, 8)) - count_macs(plain, (1, 32, 4, 4))
    assert difference == 4 * 16 * 32 * 16


def test_initial_weights_are_those_of_timms_vision_transformers() -> None:
    layer = build_operation(Operation.of("attn", kind="attention", qkv_bias=False), Place(in_width=32, out_width=256))
    initialize(layer)
    assert isinstance(layer, AttentionLayer)
    for linear in (layer.attn.q, layer.attn.v, layer.attn.proj, layer.mlp.fc1, layer.mlp.fc2):
        assert linear.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert linear.bias is None or not linear.bias.any()
    assert isinstance(layer.entry, nn.Conv2d)
    assert layer.entry.weight.std().item() == pytest.approx(32**-0.5, rel=0.05)


def test_a_silenced_layer_starts_as_the_identity() -> None:
    layer = build()
    silence_residual(layer)
    assert torch.equal(layer(FEATURES), FEATURES)


def test_stochastic_depth_skips_both_branches_while_training() -> None:
    layer = build(rate=0.5)
    assert [part.drop_prob for part in layer.modules() if isinstance(part, DropPath)] == [0.5, 0.5]
    whole = build().eval()
    assert torch.equal(layer.eval()(FEATURES), whole(FEATURES))
    torch.manual_seed(3)
    images: Tensor = FEATURES[:1].expand(64, -1, -1, -1)
    unchanged = (layer.train()(images) == images).flatten(1).all(1).float().mean().item()
    assert 0.1 < unchanged < 0.45  # both branches skipped: a quarter


@pytest.mark.parametrize(
    ("options", "width", "message"),
    [
        ({"head_dim": 32}, 200, "200 cannot be split into heads of 32 channels; the nearest .* are 192 and 224"),
        ({"heads": 5}, 24, "a width of 24 cannot be split into 5 heads; the nearest .* are 20 and 25"),
        ({"heads": 3, "head_dim": 8}, 24, "operation 'mine' has both heads and head_dim; one follows from the other"),
        ({"heads": -1}, 24, "option 'heads' of operation 'mine' must be a whole number of at least 0, not -1"),
        ({"head_dim": 0}, 24, "option 'head_dim' of operation 'mine' must be a whole number above 0, not 0"),
        ({"mlp_ratio": 0}, 32, "option 'mlp_ratio' of operation 'mine' must be a number above 0, not 0"),
        (
            {"mlp_ratio": 0.01},
            32,
            "an MLP ratio of 0.01 leaves a width of 32 no hidden unit; the smallest ratio that gives one is 0.03125",
        ),
        ({"qkv_bias": 1}, 32, "option 'qkv_bias' of operation 'mine' must be true or false, not 1"),
        ({"layer_scale": -1}, 32, "option 'layer_scale' of operation 'mine' must be a number of at least 0, not -1"),
    ],
)
def test_an_attention_layer_that_cannot_be_is_refused(options: dict[str, Any], width: int, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        build_operation(Operation.of("mine", kind="attention", **options), Place(in_width=width, out_width=width))
