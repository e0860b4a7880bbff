"""Proxies from gradients against closed forms of linear networks."""

import math

import pytest
import torch
from torch import Tensor, nn

from helixnas.proxies import gradnorm, snip, synflow, zico


@pytest.fixture
def linear() -> tuple[nn.Sequential, Tensor, Tensor, Tensor]:
    """A linear classifier, images, labels, and its gradient per image."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(5, 3, bias=False))
    images, labels = torch.randn(8, 5, 1, 1), torch.arange(8) % 3
    with torch.no_grad():
        error = torch.softmax(model(images), 1) - nn.functional.one_hot(labels, 3)
        each = error[:, :, None] * images.flatten(1)[:, None, :]
    return model, images, labels, each


def test_the_flow_of_a_chain_is_the_sum_over_its_paths_once_per_layer() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(5, 4, bias=False), nn.Linear(4, 3, bias=False)
    model = nn.Sequential(nn.Flatten(), first, nn.BatchNorm1d(4, eps=0.0), nn.ReLU(), second)
    before = [parameter.clone() for parameter in model.parameters()]
    flow = (second.weight.abs() @ first.weight.abs()).sum().item()
    assert synflow(model, torch.randn(2, 5, 1, 1)) == pytest.approx(math.log(2 * flow))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_network_through_which_nothing_flows_has_minus_infinity() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(5, 3, bias=False))
    nn.init.zeros_(model[1].weight)
    assert synflow(model, torch.randn(2, 5, 1, 1)) == -math.inf


def test_the_norm_and_snip_are_those_of_the_mean_gradient(linear) -> None:
    model, images, labels, each = linear
    gradient = each.mean(0)
    assert gradnorm(model, images, labels) == pytest.approx(gradient.norm().item(), rel=1e-5)
    assert snip(model, images, labels) == pytest.approx((gradient * model[1].weight).abs().sum().item(), rel=1e-5)


def test_zico_is_the_mean_over_the_spread_of_two_halves(linear) -> None:
    model, images, labels, each = linear
    first, second = each[:4].mean(0), each[4:].mean(0)
    both = torch.stack([first, second])
    ratio = both.abs().mean(0) / both.std(0, correction=0)
    assert zico(model, images, labels) == pytest.approx(math.log(ratio.sum().item()), rel=1e-4)


def test_layers_add_up_and_the_mode_stays(linear) -> None:
    _, _, labels, _ = linear
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3)).eval()
    images = torch.randn(8, 3, 6, 6)
    loss = nn.functional.cross_entropy(model.train()(images), labels)
    norms = [g.norm().item() for g in torch.autograd.grad(loss, [model[0].weight, model[4].weight])]
    model.eval()
    assert gradnorm(model, images, labels) == pytest.approx(sum(norms), rel=1e-5)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
