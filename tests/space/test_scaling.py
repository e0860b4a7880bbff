"""Scaling follows the rule of Eq. 9 by the letter: widths in eights, depths rounded up run by run."""

import numpy as np
import pytest

from helixnas.errors import SpaceError
from helixnas.space import (
    Architecture,
    Head,
    Operation,
    Path,
    Stage,
    channel,
    compound,
    from_code,
    mbconv,
    mbconv_operation,
    scale,
    vit,
)
from helixnas.space.channel import from_widths
from helixnas.space.scaling import scale_depth, scale_width

DNA_C = mbconv().parse(
    "24:mb6_k5,mb6_k3 40:mb6_k5,mb6_k5,mb6_k3,mb6_k5 80:mb6_k5,mb6_k3,mb6_k5,mb6_k5 "
    "112:mb6_k3,mb6_k5,mb6_k5,mb3_k5 192:mb6_k5,mb3_k5,mb6_k5,mb6_k5 320:mb6_k3"
)
A, B, C = (mbconv_operation(kernel, 6) for kernel in (3, 5, 7))


@pytest.mark.parametrize(
    ("width", "depth", "layers"),
    [
        (1.0, 1.1, [2, 3, 5, 5, 5, 5, 2]),
        (1.1, 1.2, [2, 3, 5, 5, 5, 5, 2]),
        (1.2, 1.4, [2, 3, 6, 6, 6, 6, 2]),
        (1.4, 1.8, [2, 4, 8, 8, 8, 8, 2]),
        (1.6, 2.2, [3, 5, 9, 9, 9, 9, 3]),
        (2.0, 3.1, [4, 7, 13, 13, 13, 13, 4]),
    ],
)
def test_scaled_dna_c_has_the_layers_of_table_4(width: float, depth: float, layers: list[int]) -> None:
    scaled = scale(DNA_C, width=width, depth=depth).architecture
    assert [stage.path.depth for stage in (*scaled.stem[1:], *scaled.blocks)] == layers
    assert scaled.stem[0].path.depth == 1


def test_factors_of_one_change_nothing() -> None:
    odd = Architecture((), (Stage(2, Path(12, (A,))), Stage(1, Path(20, (A, B)))), Head(30))
    largest = vit().architecture(tuple(list(block.paths())[-1] for block in vit().blocks))
    for architecture in (DNA_C, from_code("22212220"), from_widths("1234411"), largest, odd):
        scaled = scale(architecture, width=1.0, depth=1.0)
        assert (scaled.architecture, scaled.image_size) == (architecture, 224)


@pytest.mark.parametrize("factor", [0.1, 0.35, 0.9, 1.0, 1.1, 1.37, 2.0, 3.3])
def test_widths_are_multiples_of_eight_that_keep_nine_tenths(factor: float) -> None:
    for width in range(8, 400):
        scaled = scale_width(width, factor)
        assert scaled % 8 == 0 or (scaled == width and factor >= 1)
        assert scaled >= 0.9 * width * factor
        assert scaled == 8 or scaled <= 1.1 * width * factor + 8
    assert [scale_width(width, factor) for width in range(8, 400)] == sorted(
        scale_width(width, factor) for width in range(8, 400)
    )


@pytest.mark.parametrize(
    ("layers", "factor", "expected"),
    [
        ((A,), 1.1, (A, A)),
        ((A, B), 1.5, (A, B, B)),  # 3 layers: the last run gets round(1.5) = 2
        ((A, B, B), 2.0, (A, A, B, B, B, B)),
        ((A, B, C), 4 / 3, (A, B, B, C)),  # round(4 / 3) = 1, then round(3 / 2) = 2, then what is left
        ((A, B, A), 1.0, (A, B, A)),
        ((A, B, A), 0.1, (A, B, A)),  # a run is never dropped
        ((A, A, A), 0.5, (A, A)),
    ],
)
def test_runs_of_equal_layers_grow_from_the_last_to_the_first(
    layers: tuple[object, ...], factor: float, expected: tuple[object, ...]
) -> None:
    assert scale_depth(layers, factor) == expected  # type: ignore[arg-type]


def test_the_head_grows_too_and_one_without_convolution_stays_without() -> None:
    assert scale(DNA_C, width=1.1, depth=1.0).architecture.head == Head(1408)
    bare = Architecture((), (Stage(2, Path(24, (A,))),), Head(0))
    assert scale(bare, width=2.0, depth=1.0).architecture == Architecture((), (Stage(2, Path(48, (A,))),), Head(0))


def test_strides_are_those_of_the_original() -> None:
    scaled = scale(DNA_C, width=1.4, depth=1.8).architecture
    assert [stage.stride for stage in scaled.blocks] == [2, 2, 2, 1, 2, 1]
    assert scaled.stride == DNA_C.stride


def test_the_compound_rule_doubles_the_work_of_a_step() -> None:
    one = compound(DNA_C, 1.0)
    assert one == scale(DNA_C, width=1.1, depth=1.2, resolution=1.15)
    assert one.image_size == 258
    assert compound(DNA_C, 0.0).architecture == DNA_C
    assert compound(DNA_C, -2.0).architecture.head == Head(1056)


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("factor", ["width", "depth", "resolution"])
def test_a_factor_that_is_not_above_zero_is_refused(factor: str, wrong: float) -> None:
    factors = {"width": 1.0, "depth": 1.0, "resolution": 1.0, factor: wrong}
    with pytest.raises(SpaceError, match=f"the {factor} to scale to must be a number above 0, not"):
        scale(DNA_C, **factors)


@pytest.mark.parametrize("steps", [-2.0, -0.5, 1.0, 2.5])
def test_a_scaled_vision_transformer_has_whole_heads_and_whole_patches(steps: float) -> None:
    space = vit(strides=(1, 1, 2, 1))
    scaled = compound(space.sample(np.random.default_rng(0)), steps)
    architecture, size = scaled.architecture, scaled.image_size
    assert all(stage.path.width % 32 == 0 for stage in architecture.blocks)
    assert size % architecture.stride == 0
    assert architecture.stem[0].path.operations[0].option("grid") == size // 16
    assert architecture.head == Head(0, kind="norm")
    assert (size > 224) == (steps > 0)


def test_heads_by_number_divide_scaled_widths_and_positions_stay_out() -> None:
    layer = Operation.of("attn", kind="attention", heads=6)
    stem = vit(positions=False, patch=4, image_size=32).stem
    scaled = scale(Architecture(stem, (Stage(1, Path(48, (layer,))),)), width=1.2, depth=1.0, image_size=32)
    assert scaled.architecture.blocks[0].path.width == 72  # the multiple of 24 that keeps 90 % of 57.6
    assert scaled.architecture.stem[0].path.operations == stem[0].path.operations


def test_the_image_is_passed_on_as_it_is_and_hidden_channels_grow_with_the_widths() -> None:
    found = scale(from_widths("1234411"), width=1.5, depth=1.0).architecture
    assert found.stem == channel().stem
    assert found.text == "48:conv_k3,mb_h576_k3,mb_h864_k3 384:mb_h1152_k3,mb_h576_k3 384:conv_k1"
    hidden = [operation.option("hidden") for operation in found.blocks[0].path.operations]
    assert hidden == [None, 576, 864]


def test_hidden_channels_stay_multiples_of_eight_and_a_name_without_them_stays() -> None:
    layer = Operation.of("slim", kind="mbconv", kernel=3, hidden=24)
    found = scale(Architecture((), (Stage(1, Path(16, (layer,))),)), width=1.1, depth=2.0).architecture
    assert found.blocks[0].path.operations == (Operation.of("slim", kind="mbconv", kernel=3, hidden=24),) * 2
    smaller = scale(from_widths("1111111"), width=0.01, depth=1.0).architecture
    assert {each.option("hidden") for each in smaller.operations} == {None, 8}


def test_a_network_never_gets_narrower_where_the_factor_is_above_one() -> None:
    assert [scale_width(width, 1.0) for width in (12, 17, 30)] == [12, 17, 30]
    assert [scale_width(17, factor) for factor in (1.01, 1.2, 1.5)] == [17, 24, 24]
    for factor in (1.001, 1.02, 1.1):
        assert all(scale_width(width, factor) >= width for width in range(8, 400))
