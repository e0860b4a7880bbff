"""Weights from explicit seeds."""

import math

import numpy as np
import pytest
import timm
import torch
from torch import nn

from helixnas.nn import Place, build_operation, build_seeded, initialize, seed_from, silence_residual, without_values
from helixnas.space import Operation


def test_the_same_seed_builds_the_same_weights_whatever_was_drawn_before() -> None:
    one = build_seeded(lambda: nn.Linear(4, 4), (3, 1))
    torch.rand(17)
    other = build_seeded(lambda: nn.Linear(4, 4), (3, 1))
    assert torch.equal(one.weight, other.weight)
    assert not torch.equal(one.weight, build_seeded(lambda: nn.Linear(4, 4), (1, 3)).weight)


def test_building_leaves_the_global_generators_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    reseeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    before = torch.get_rng_state(), np.random.get_state()[1]
    build_seeded(lambda: nn.Linear(4, 4), (0,))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert reseeded == []


def test_a_build_that_fails_leaves_the_global_generator_untouched_too() -> None:
    def fail() -> nn.Module:
        torch.rand(3)
        raise RuntimeError("no memory")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="no memory"):
        build_seeded(fail, (0,))
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_are_non_negative_63_bit_numbers_that_depend_on_every_part() -> None:
    seeds = {seed_from(*parts) for parts in np.ndindex(8, 8, 8)}
    assert len(seeds) == 8**3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_weights_are_drawn_as_efficientnet_draws_them() -> None:
    def build() -> nn.Module:
        layers = nn.Sequential(nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.Linear(64, 400))
        initialize(layers)
        return layers

    conv, norm, linear = build_seeded(build, (0,))
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.05)
    assert not conv.bias.any()
    assert linear.weight.abs().max().item() <= 1 / math.sqrt(400)
    assert not linear.bias.any()
    assert (norm.weight == 1).all()


@pytest.mark.parametrize("kind", ["mbconv", "separable"])
def test_a_layer_with_a_shortcut_begins_as_the_shortcut_and_learns(kind: str) -> None:
    layer = build_operation(Operation.of("layer", kind=kind), Place(in_width=8, out_width=8))
    initialize(layer)
    features = torch.randn(4, 8, 6, 6)
    assert not torch.allclose(layer(features), features)
    silence_residual(layer)
    output = layer(features)
    torch.testing.assert_close(output, features)
    output.square().sum().backward()
    assert sum(float(each.grad.abs().sum()) for each in layer.parameters() if each.grad is not None) > 0


@pytest.mark.parametrize("place", [Place(in_width=8, out_width=12), Place(in_width=8, out_width=8, stride=2)])
def test_a_layer_without_a_shortcut_stays_as_it_is(place: Place) -> None:
    layer = build_seeded(lambda: build_operation(Operation.of("mb3_k3", kind="mbconv"), place), (0,))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    silence_residual(layer)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


@pytest.mark.parametrize(
    "name", ["resnet18", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "test_efficientnet"]
)
def test_a_network_without_values_has_the_shapes_of_one_with_them(name: str) -> None:
    with torch.device("meta"):
        expected = timm.create_model(name)
    with without_values():
        found = timm.create_model(name)
    assert {key: tensor.shape for key, tensor in found.state_dict().items()} == {
        key: tensor.shape for key, tensor in expected.state_dict().items()
    }
    assert all(tensor.is_meta for tensor in found.parameters())


def test_without_values_only_weights_on_the_meta_device_are_left_alone() -> None:
    with without_values():
        weight = nn.Parameter(torch.ones(2, device="cpu"))
        nn.init.zeros_(weight)
        kept = [torch.ones(2, device="cpu").mul_(3.0), torch.empty(2).mul_(3.0)]
    assert weight.tolist() == [0.0, 0.0]
    assert kept[0].tolist() == [3.0, 3.0]
    assert kept[1].is_meta
    assert nn.Linear(2, 2).weight.std() > 0
