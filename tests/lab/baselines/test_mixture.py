"""DARTS: joint probabilities in closed form, gradients of the architecture parameters against finite differences."""

import math

import pytest
import torch
import torch.nn.functional as F

from helixnas.lab.baselines.mixture import Choices, build_choices, mixed_logits
from helixnas.lab.baselines.one_shot import OneShot, build_one_shot
from helixnas.space import Architecture, SearchSpace, vit


@pytest.fixture
def choices(space: SearchSpace) -> Choices:
    return build_choices(space, seed=0)


@torch.no_grad()
def level(choices: Choices) -> None:
    """Set all architecture parameters to 0."""
    for parameter in choices.parameters():
        parameter.zero_()


def test_before_anything_is_learnt_all_networks_are_as_probable(choices: Choices, networks: list[Architecture]) -> None:
    level(choices)
    for network in networks:
        assert choices.log_probability(network) == pytest.approx(-math.log(36), abs=1e-5)


def test_the_joint_probability_is_the_product_of_the_choices(choices: Choices, space: SearchSpace) -> None:
    level(choices)
    with torch.no_grad():
        choices.cells[0].copy_(torch.tensor([math.log(3.0), 0.0]))  # cells of 4 and 2 paths: 12 against 2
        choices.operations["block-1-cell-1-layer-2"].copy_(torch.tensor([0.0, math.log(4.0)]))
    network = space.parse("4:mb2_k3,mb2_k5 8:mb2_k3,mb2_k3")
    expected = (12 / 14) * (1 / 2) * (4 / 5) * (1 / 6)
    assert choices.log_probability(network) == pytest.approx(math.log(expected), abs=1e-5)


def test_the_probabilities_of_all_networks_add_up_to_one(choices: Choices, networks: list[Architecture]) -> None:
    with torch.no_grad():
        for parameter in choices.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(len(parameter)))
    assert sum(math.exp(choices.log_probability(network)) for network in networks) == pytest.approx(1, abs=1e-5)


def test_a_certain_mixture_is_the_network_it_is_certain_of(
    network: OneShot, choices: Choices, networks: list[Architecture], space: SearchSpace
) -> None:
    images = torch.rand(4, 3, 8, 8)
    for chosen in (networks[0], networks[20]):
        level(choices)
        with torch.no_grad():
            for number, (block, path) in enumerate(zip(space.blocks, chosen.paths, strict=True), start=1):
                cell = block.cell_of(path)
                assert cell is not None
                index = block.cells.index(cell)
                choices.cells[number - 1][index] = 60.0
                for layer, operation in enumerate(path.operations):
                    position = cell.layers[layer].index(operation)
                    choices.operations[f"block-{number}-cell-{index + 1}-layer-{layer + 1}"][position] = 60.0
        with torch.no_grad():
            torch.testing.assert_close(
                mixed_logits(network, choices, images), network(images, chosen), atol=1e-4, rtol=1e-4
            )


def test_the_gradient_of_every_architecture_parameter_matches_finite_differences(space: SearchSpace) -> None:
    network, choices = build_one_shot(space, num_classes=3, seed=0).double(), build_choices(space, seed=0).double()
    images = torch.rand(4, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1, 2, 0])

    def loss() -> torch.Tensor:
        return F.cross_entropy(mixed_logits(network, choices, images), labels)

    loss().backward()
    step = 1e-5
    for name, parameter in choices.named_parameters():
        assert parameter.grad is not None, name
        with torch.no_grad():
            parameter[0] += step
            above = float(loss())
            parameter[0] -= 2 * step
            below = float(loss())
            parameter[0] += step
        assert float(parameter.grad[0]) == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-8), name


def test_tied_layers_are_one_choice() -> None:
    space = vit(
        dimensions=(8, 16),
        head_dim=4,
        mlp_ratios=(1, 2),
        layers=(1, 2),
        strides=(1, 1),
        patch=2,
        image_size=8,
        stem_width=8,
    )
    choices = build_choices(space, seed=0)
    with torch.no_grad():
        for parameter in choices.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(len(parameter)))
    paths = [list(block.paths()) for block in space.blocks]
    networks = [space.architecture((one, other)) for one in paths[0] for other in paths[1]]
    assert len(networks) == 64
    assert sum(math.exp(choices.log_probability(network)) for network in networks) == pytest.approx(1, abs=1e-5)
    logits = mixed_logits(build_one_shot(space, num_classes=3, seed=0), choices, torch.rand(2, 3, 8, 8))
    logits.square().sum().backward()
    assert logits.shape == (2, 3)
    assert all(parameter.grad is not None for parameter in choices.parameters())
