"""Operations as modules: their shapes, their sizes in closed form, and what cannot be built."""

from typing import Any

import pytest
import torch
from timm.layers import DropPath
from torch import nn

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.nn import (
    BATCH_STATISTICS,
    Place,
    build_operation,
    build_stage,
    count_macs,
    count_params,
    register_operation,
)
from helixnas.nn.operations import activation_layer
from helixnas.space import Operation, Path, Stage
from helixnas.space.mbconv import mbconv_operation

KINDS = (
    mbconv_operation(3, 3),
    mbconv_operation(7, 6, se_ratio=0.0),
    Operation.of("ds_k5", kind="separable", kernel=5),
    Operation.of("conv_k5", kind="conv", kernel=5),
    Operation.of("identity", kind="projection"),
    Operation.of("mb_h24_k3", kind="mbconv", kernel=3, hidden=24),
)


@pytest.mark.parametrize("operation", KINDS, ids=str)
@pytest.mark.parametrize("size", [1, 7, 8, 9])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_a_layer_gives_its_width_at_the_size_over_the_stride_rounded_up(
    operation: Operation, size: int, stride: int
) -> None:
    with torch.device("meta"):
        layer = build_operation(operation, Place(in_width=8, out_width=16, stride=stride)).eval()
    side = -(-size // stride)
    assert layer(torch.empty(2, 8, size, size, device="meta")).shape == (2, 16, side, side)


@pytest.mark.parametrize("operation", KINDS[:4], ids=str)
@pytest.mark.parametrize("dilation", [2, 3])
def test_a_dilated_layer_sees_farther_and_keeps_its_grid(operation: Operation, dilation: int) -> None:
    torch.manual_seed(0)
    layer = build_operation(operation, Place(in_width=8, out_width=8, dilation=dilation)).eval()
    plain = build_operation(operation, Place(in_width=8, out_width=8)).eval()
    plain.load_state_dict(layer.state_dict())
    sides = torch.zeros(2, 8, 33, 33)
    sides[1, :, 16, 16] = 1.0
    reach = [
        int((x[1] - x[0]).abs().amax((0, 1)).gt(1e-6).nonzero().flatten().max()) - 16
        for x in (layer(sides), plain(sides))
    ]
    kernel = operation.option("kernel", 3)
    assert isinstance(kernel, int)
    if not operation.option("se_ratio", 0.25 if operation.kind != "conv" else 0.0):  # squeeze-excite sees everything
        assert reach == [kernel // 2 * dilation, kernel // 2]
    assert layer(sides).shape == plain(sides).shape


@pytest.mark.parametrize(("kernel", "expansion"), [(3, 3), (5, 6), (7, 6)])
@pytest.mark.parametrize("se_ratio", [0.0, 0.25])
def test_the_size_of_an_mbconv_is_its_closed_form(kernel: int, expansion: int, se_ratio: float) -> None:
    received, given, size, stride = 24, 40, 28, 2
    with torch.device("meta"):
        place = Place(in_width=received, out_width=given, stride=stride)
        layer = build_operation(mbconv_operation(kernel, expansion, se_ratio=se_ratio), place)
    hidden, squeezed = expansion * received, round(se_ratio * received)
    convolutions = received * hidden + kernel**2 * hidden + hidden * given
    excite = 2 * hidden * squeezed + hidden + squeezed if squeezed else 0
    assert count_params(layer) == convolutions + excite + 2 * (hidden + hidden + given)
    area, smaller = size**2, (size // stride) ** 2
    macs = area * received * hidden + smaller * (kernel**2 * hidden + hidden * given) + 2 * hidden * squeezed
    assert count_macs(layer, (1, received, size, size)) == macs


def test_the_size_of_a_separable_layer_is_its_closed_form() -> None:
    with torch.device("meta"):
        layer = build_operation(Operation.of("ds_k3", kind="separable"), Place(in_width=32, out_width=16))
    assert count_params(layer) == 9 * 32 + 2 * 32 + (2 * 32 * 8 + 32 + 8) + 32 * 16 + 2 * 16
    assert count_macs(layer, (1, 32, 10, 10)) == 100 * (9 * 32 + 32 * 16) + 2 * 32 * 8


def test_convolution_and_projection_have_the_size_of_a_convolution_and_a_norm() -> None:
    with torch.device("meta"):
        conv = build_operation(Operation.of("conv_k3", kind="conv"), Place(in_width=3, out_width=16, stride=2))
        identity = build_operation(Operation.of("identity", kind="projection"), Place(in_width=3, out_width=16))
    assert (count_params(conv), count_macs(conv, (1, 3, 8, 8))) == (9 * 3 * 16 + 32, 16 * 9 * 3 * 16)
    assert (count_params(identity), count_macs(identity, (1, 3, 8, 8))) == (3 * 16 + 32, 64 * 3 * 16)


def test_the_projection_is_linear_and_the_convolution_is_not() -> None:
    image = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for kind, linear in (("projection", True), ("conv", False)):
        layer = build_operation(Operation.of("layer", kind=kind), Place(in_width=3, out_width=4)).eval()
        shift = layer(torch.zeros_like(image))
        assert torch.allclose(layer(-image) - shift, -(layer(image) - shift), atol=1e-6) is linear


def test_a_residual_is_added_only_where_shapes_agree() -> None:
    operation = mbconv_operation(3, 3)
    agree = build_operation(operation, Place(in_width=8, out_width=8)).eval()
    for norm in (agree.bn3, build_operation(operation, Place(in_width=8, out_width=16)).bn3):
        nn.init.zeros_(norm.weight)
    image = torch.rand(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(agree(image), image)
    differ = build_operation(operation, Place(in_width=8, out_width=16)).eval()
    nn.init.zeros_(differ.bn3.weight)
    assert torch.equal(differ(image), torch.zeros(1, 16, 4, 4))


@pytest.mark.parametrize("operation", KINDS, ids=str)
def test_a_norm_of_batch_statistics_keeps_no_running_averages(operation: Operation) -> None:
    layer = build_operation(operation, Place(in_width=8, out_width=8, norm_layer=BATCH_STATISTICS))
    assert not list(layer.buffers())
    norms = [module for module in layer.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all(norm.running_mean is None and not norm.track_running_stats for norm in norms)
    image = torch.rand(4, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer.train()(image), layer.eval()(image))


def test_only_the_first_layer_of_a_stage_takes_the_width_and_stride_from_outside() -> None:
    stage = Stage(2, Path(16, (mbconv_operation(3, 3), mbconv_operation(5, 6))))
    layers = build_stage(8, stage, norm_layer=nn.BatchNorm2d, drop_path_rates=(0.0, 0.25))
    assert [layer.conv_pw.in_channels for layer in layers] == [8, 16]
    assert [layer.conv_dw.stride for layer in layers] == [(2, 2), (1, 1)]
    assert [layer.conv_dw.kernel_size for layer in layers] == [(3, 3), (5, 5)]
    assert isinstance(layers[0].drop_path, nn.Identity)
    assert isinstance(layers[1].drop_path, DropPath)
    assert layers[1].drop_path.drop_prob == 0.25


def test_a_dropped_path_is_the_identity_while_training() -> None:
    place = Place(in_width=8, out_width=8, drop_path_rate=1.0 - 1e-9)
    layer = build_operation(mbconv_operation(3, 3), place).train()
    image = torch.rand(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(image), image)
    assert not torch.equal(layer.eval()(image), image)


@pytest.mark.usefixtures("registry")
def test_a_users_own_operation_is_built_with_its_place() -> None:
    seen: list[Place] = []

    @register_operation("pooled")
    def pooled(operation: Operation, place: Place) -> nn.Module:
        seen.append(place)
        return nn.Sequential(
            nn.AvgPool2d(int(operation.option("window", 1) or 1)), nn.Conv2d(place.in_width, place.out_width, 1)
        )

    operation = Operation.of("pool2", kind="pooled", window=2)
    stage = Stage(2, Path(5, (operation,)))
    layers = build_stage(3, stage, norm_layer=BATCH_STATISTICS, drop_path_rates=(0.5,))
    assert layers(torch.rand(1, 3, 4, 4)).shape == (1, 5, 2, 2)
    assert seen == [Place(in_width=3, out_width=5, stride=2, norm_layer=BATCH_STATISTICS, drop_path_rate=0.5)]


@pytest.mark.usefixtures("registry")
def test_a_later_registration_replaces_an_earlier_one() -> None:
    register_operation("conv")(lambda operation, place: nn.Identity())
    assert isinstance(build_operation(Operation.of("conv", kind="conv"), Place(in_width=3, out_width=3)), nn.Identity)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("error", [TypeError("no\n  such size"), KeyError("size"), ZeroDivisionError("by nought")])
def test_a_builder_that_fails_is_named_with_its_options(error: Exception) -> None:
    @register_operation("broken")
    def broken(operation: Operation, place: Place) -> nn.Module:
        raise error

    with pytest.raises(SpaceError, match=r"operation 'mine' cannot be built with {'size': 3}: ") as caught:
        build_operation(Operation.of("mine", kind="broken", size=3), Place(in_width=3, out_width=3))
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


def build(kind: str, **options: Any) -> nn.Module:
    """Build one layer of 8 channels."""
    return build_operation(Operation.of("mine", kind=kind, **options), Place(in_width=8, out_width=8))


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown operation kind 'mbconf'; did you mean mbconv"):
        build("mbconf")


@pytest.mark.parametrize(
    ("kind", "option", "hint"),
    [
        ("mbconv", "kernels", "did you mean kernel?"),
        ("separable", "expansion", "known: activation, kernel, se_ratio"),
        ("conv", "se_ratio", "known: activation, kernel"),
        ("projection", "kernel", "known: none"),
    ],
)
def test_an_unknown_option_is_answered_with_those_there_are(kind: str, option: str, hint: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build(kind, **{option: 3})
    assert str(caught.value) == f"unknown option of operation 'mine' {option!r}; {hint}"


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"kernel": 4}, "option 'kernel' of operation 'mine' must be an odd whole number, not 4"),
        ({"kernel": -3}, "option 'kernel' of operation 'mine' must be an odd whole number, not -3"),
        ({"kernel": "3"}, "option 'kernel' of operation 'mine' must be an odd whole number, not '3'"),
        ({"expansion": 0}, "option 'expansion' of operation 'mine' must be a number above 0, not 0"),
        ({"expansion": True}, "option 'expansion' of operation 'mine' must be a number above 0, not True"),
        ({"se_ratio": -0.25}, "option 'se_ratio' of operation 'mine' must be a number of at least 0, not -0.25"),
        ({"activation": 3}, "option 'activation' of operation 'mine' must be a name, not 3"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], rule: str) -> None:
    with pytest.raises(SpaceError) as caught:
        build("mbconv", **options)
    assert str(caught.value) == rule


@pytest.mark.parametrize("name", ["rleu", ""])
def test_an_unknown_activation_is_answered_with_the_common_ones(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown activation {name!r}; (did you mean relu|known: gelu)"):
        build("conv", activation=name)
    with pytest.raises(UnknownNameError, match=f"unknown activation {name!r}"):
        activation_layer(name)


def test_an_mbconv_has_its_hidden_channels_whatever_it_receives() -> None:
    operation = Operation.of("mb_h24_k3", kind="mbconv", kernel=3, hidden=24, se_ratio=0.0)
    for width in (3, 8, 20, 100):
        layer = build_operation(operation, Place(in_width=width, out_width=16))
        assert layer.conv_dw.out_channels == 24
        assert count_params(layer) == width * 24 + 2 * 24 + 9 * 24 + 2 * 24 + 24 * 16 + 2 * 16


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"hidden": 20}, "option 'hidden' of operation 'mb' must be a multiple of 8, as timm rounds it, not 20"),
        ({"hidden": 24, "expansion": 3}, "operation 'mb' has both expansion and hidden; one follows from the other"),
    ],
)
def test_a_hidden_width_that_cannot_be_had_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpaceError) as raised:
        build_operation(Operation.of("mb", kind="mbconv", **options), Place(in_width=8, out_width=16))
    assert sentence in str(raised.value)


def test_the_image_is_passed_on_and_nothing_else_is() -> None:
    operation, images = Operation.of("image", kind="image"), torch.rand(2, 3, 4, 4)
    assert torch.equal(build_operation(operation, Place(in_width=3, out_width=3))(images), images)
    with pytest.raises(SpaceError, match="passes 3 channels on unchanged, so it needs that width and stride 1"):
        build_operation(operation, Place(in_width=3, out_width=8))
    with pytest.raises(SpaceError, match="not width 3 and stride 2"):
        build_operation(operation, Place(in_width=3, out_width=3, stride=2))
