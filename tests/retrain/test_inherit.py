"""A network with inherited weights computes what the stitched supernet computes, or inheritance is refused."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helixnas.errors import ConfigError
from helixnas.retrain import RetrainConfig, build_model
from helixnas.retrain.inherit import StitchedNetwork, fold, inherit, recalibrate
from helixnas.space import Architecture, SearchSpace, load_space, macro, mbconv, vit
from helixnas.supernet import Supernet, SupernetConfig, build_supernet

SPACES: dict[str, tuple[SearchSpace, str, tuple[int, ...]]] = {
    "mbconv": (
        mbconv(
            name="tiny",
            cells=(((2, 8), (1, 12)), ((2, 16), (1, 16)), ((1, 24),)),
            strides=(2, 2, 1),
            kernels=(3, 5),
            expansions=(2,),
            stem_width=8,
            stem_stride=1,
            separable_width=6,
            head_width=24,
        ),
        "12:mb2_k3 16:mb2_k5,mb2_k3 24:mb2_k3",
        (10, 16, 30),
    ),
    "macro": (
        macro(widths=(8, 16), depths=(2, 2), stem_width=8, head_width=24),
        "8:identity,mb6_k5 16:identity,mb3_k3",
        (10, 20),
    ),
    "vit": (
        vit(
            dimensions=(8, 16),
            head_dim=4,
            mlp_ratios=(1, 2),
            layers=(1, 2),
            strides=(1, 2, 1),  # the second block merges patches without a change of width, the third changes the width
            patch=4,
            image_size=16,
            stem_width=8,
        ),
        "16:attn_r2,attn_r2 16:attn_r1 8:attn_r2",
        (10, 20, 30),
    ),
}
"""Space, architecture and the teacher's widths, which are the student's in one place."""


def images(number: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(number, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(architecture: Architecture, **settings: Any) -> Any:
    config = RetrainConfig(**settings)
    one = (1.0, 1.0, 1.0)
    return build_model(architecture, num_classes=3, image_size=16, mean=one, std=one, config=config, seed=1).double()


def supernet_of(space: SearchSpace, widths: tuple[int, ...], **settings: Any) -> Supernet:
    return build_supernet(space, widths, config=SupernetConfig(**settings), seed=0).double()


@pytest.fixture(params=[*sorted(SPACES), "vit, slimmable"])
def case(request: pytest.FixtureRequest) -> tuple[SearchSpace, Architecture, Supernet]:
    name, _, slimmable = request.param.partition(", ")
    space, text, widths = SPACES[name]
    return space, space.parse(text), supernet_of(space, widths, slimmable=bool(slimmable))


def of_the_supernet(space: SearchSpace, supernet: Supernet, architecture: Architecture, x: Tensor) -> Tensor:
    previous = space.stem_width
    for number, path in enumerate(architecture.paths, start=1):
        x, previous = supernet.block(number).cell_of(path)(x, path, previous), path.width
    return x


def by_batch_statistics(part: nn.Module, x: Tensor) -> Tensor:
    """Return what a part computes with the statistics of the batch, as a supernet does."""
    return part.train()(x)


@torch.no_grad()
def test_the_network_computes_what_the_stitched_supernet_computes(
    case: tuple[SearchSpace, Architecture, Supernet],
) -> None:
    space, architecture, supernet = case
    model, x = network(architecture), images()
    stitched = inherit(model, supernet)
    expected = of_the_supernet(space, supernet, architecture, x)
    assert torch.allclose(by_batch_statistics(stitched, x), expected, rtol=1e-10, atol=1e-11)
    fold(stitched)
    found = stitched.exit(model.blocks.train()(model.stem.train()(x)))
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-11)


@torch.no_grad()
@pytest.mark.parametrize("widths", [(10, 16, 30), (12, 16, 30)], ids=["two adapters", "only a bridge"])
def test_a_bridge_of_finer_features_is_folded_like_an_adapter(widths: tuple[int, ...]) -> None:
    space, text, _ = SPACES["mbconv"]
    grids = [(16, 16), (8, 8), (4, 4)]
    supernet = build_supernet(
        space, widths, config=SupernetConfig(), seed=0, teacher_grids=grids, input_size=(16, 16)
    ).double()
    architecture, x = space.parse(text), images()
    model = network(architecture)
    stitched = inherit(model, supernet)
    expected = of_the_supernet(space, supernet, architecture, x)
    assert torch.allclose(by_batch_statistics(stitched, x), expected, rtol=1e-10, atol=1e-11)
    fold(stitched)
    found = stitched.exit(model.blocks.train()(model.stem.train()(x)))
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-11)


@torch.no_grad()
def test_folding_after_recalibration_changes_nothing(case: tuple[SearchSpace, Architecture, Supernet]) -> None:
    _, architecture, supernet = case
    model, x = network(architecture), images(seed=7)
    stitched = inherit(model, supernet)
    recalibrate(stitched, lambda: (images(seed=seed) for seed in range(3)))
    expected = stitched(x)
    fold(stitched)
    model.eval()
    assert torch.allclose(stitched.exit(model.blocks(model.stem(x))), expected, rtol=1e-10, atol=1e-11)
    assert torch.allclose(stitched(x), expected, rtol=1e-10, atol=1e-11)
    before_head = model.blocks(model.stem(x))
    assert torch.equal(model.forward_features(x), model.conv_head(before_head))


@pytest.mark.parametrize("case", ["macro", "mbconv"], indirect=True)  # a transformer has no averages
@torch.no_grad()
def test_averages_are_means_over_batches_of_what_the_recalibrated_blocks_before_give(
    case: tuple[SearchSpace, Architecture, Supernet],
) -> None:
    _, architecture, supernet = case
    model = network(architecture, drop_path_rate=0.9)  # stochastic depth has no part in it
    stitched = inherit(model, supernet)
    recalibrate(stitched, lambda: (images(seed=seed) for seed in range(3)))
    assert not any(module.training for module in model.blocks.modules())
    first = model.stem[0][0]
    outputs = [first.conv(images(seed=seed)) for seed in range(3)]
    assert torch.allclose(first.bn.running_mean, torch.stack([y.mean((0, 2, 3)) for y in outputs]).mean(0))
    assert torch.allclose(first.bn.running_var, torch.stack([y.var((0, 2, 3)) for y in outputs]).mean(0))
    assert first.bn.momentum == 0.1
    layer = model.blocks[1][0]
    entrance = layer.conv if hasattr(layer, "conv") else layer.conv_pw
    norm = layer.bn if hasattr(layer, "bn") else layer.bn1
    inputs = [stitched.entries[1](stitched(images(seed=seed), num_blocks=1)) for seed in range(3)]
    expected = torch.stack([entrance(x).mean((0, 2, 3)) for x in inputs]).mean(0)
    assert torch.allclose(norm.running_mean, expected)


def test_where_widths_agree_even_a_residual_first_layer_inherits() -> None:
    space = flat_space()
    supernet = supernet_of(space, (8, 8))
    stitched = inherit(network(space.parse("8:mb2_k3 8:mb2_k3")), supernet)
    assert isinstance(stitched.entries[1], nn.Identity)


def test_a_residual_first_layer_behind_adapters_is_refused() -> None:
    space = flat_space()
    with pytest.raises(
        ConfigError, match="cannot be inherited: block 2 begins with mb2_k3, which has a residual or no 1x1 convolution"
    ):
        inherit(network(space.parse("8:mb2_k3 8:mb2_k3")), supernet_of(space, (10, 10)))


def test_a_transformer_layer_without_an_entry_behind_adapters_is_refused() -> None:
    space, *_ = SPACES["vit"]
    supernet = supernet_of(space, (10, 16, 16))
    with pytest.raises(ConfigError, match="cannot be inherited: block 3 begins with attn_r1, which has a residual"):
        inherit(network(space.parse("16:attn_r2 8:attn_r1 8:attn_r1")), supernet)


def test_a_first_layer_without_a_1x1_convolution_is_refused() -> None:
    operations = {"ds": {"kind": "separable", "kernel": 3}, "conv": {"kind": "conv", "kernel": 3}}
    blocks = [{"stride": 2, "cells": [{"width": width, "layers": [["ds"]]}]} for width in (8, 12)]
    stem = [{"stride": 1, "width": 8, "operations": ["conv"]}]
    space = load_space({"name": "mine", "operations": operations, "stem": stem, "blocks": blocks})
    with pytest.raises(
        ConfigError, match=r"block 2 begins with ds, .* train the network from scratch \(--init scratch\)"
    ):
        inherit(network(space.parse("8:ds 12:ds")), supernet_of(space, (10, 10)))


def test_weights_of_a_widening_supernet_are_refused(case: tuple[SearchSpace, Architecture, Supernet]) -> None:
    space, architecture, supernet = case
    widths = tuple(20 for _ in supernet.blocks)
    with pytest.raises(ConfigError, match="supernet.interface=widen cannot be inherited"):
        inherit(network(architecture), supernet_of(space, widths, interface="widen"))


def flat_space() -> SearchSpace:
    """Return a space whose second block changes neither width nor resolution."""
    return mbconv(
        cells=(((1, 8),), ((1, 8),)), strides=(2, 1), kernels=(3,), expansions=(2,), stem_width=8, head_width=0
    )


def test_the_supernet_is_left_as_it_was(case: tuple[SearchSpace, Architecture, Supernet]) -> None:
    _, architecture, supernet = case
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    stitched = inherit(network(architecture), supernet)
    recalibrate(stitched, lambda: [images()])
    fold(stitched)
    assert isinstance(stitched, StitchedNetwork)
    after = supernet.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
