"""A linear map before a layer disappears in it, exactly, or the layer has no entrance."""

import pytest
import torch
from torch import nn

from helixnas.nn import Place, build_operation, entrance_of, fold_into
from helixnas.space import Operation, mbconv_operation
from helixnas.space.macro import IDENTITY

IMAGES = torch.randn(4, 6, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("operation", "stride"),
    [
        (mbconv_operation(3, 6), 2),
        (mbconv_operation(5, 3, se_ratio=0.0), 1),
        (mbconv_operation(3, 1), 2),
        (IDENTITY, 2),
        (Operation.of("attn", kind="attention", head_dim=5), 1),
        (Operation.of("attn", kind="attention", head_dim=5), 2),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_a_folded_layer_computes_what_the_layer_computes_behind_the_map(
    operation: Operation, stride: int, training: bool
) -> None:
    torch.manual_seed(0)
    layer = build_operation(operation, Place(in_width=6, out_width=10, stride=stride)).double()
    bridge = nn.Conv2d(6, 6, 1).double()
    layer.train()(IMAGES)
    layer.train(training)
    with torch.no_grad():
        expected = layer(bridge(IMAGES))
        entrance = entrance_of(layer)
        assert entrance is not None
        fold_into(entrance, bridge.weight.flatten(1), bridge.bias)
        assert torch.allclose(layer(IMAGES), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("operation", "out_width"),
    [
        (mbconv_operation(3, 6), 6),  # a residual
        (Operation.of("ds", kind="separable", kernel=3), 10),  # depthwise first
        (Operation.of("conv", kind="conv", kernel=3), 10),
        (Operation.of("attn", kind="attention", head_dim=3), 6),  # no entry
    ],
)
def test_a_layer_that_begins_otherwise_or_adds_its_input_has_no_entrance(operation: Operation, out_width: int) -> None:
    assert entrance_of(build_operation(operation, Place(in_width=6, out_width=out_width))) is None


def test_an_operation_of_ones_own_has_no_entrance() -> None:
    assert entrance_of(nn.Conv2d(6, 6, 1)) is None
