import math

import pytest
import torch
from torch import nn

from helixnas.distill import DistillConfig
from helixnas.distill.config import LarsConfig
from helixnas.distill.optimizers.choice import build_optimizer, learning_rate
from helixnas.errors import ConfigError


def lars(**settings: float) -> DistillConfig:
    return DistillConfig(optimizer="lars", batch_size=512, num_epochs=5, lars=LarsConfig(**settings))


def test_learning_rates_are_the_papers() -> None:
    for block, start in ((1, 0.002), (2, 0.005), (3, 0.005)):
        rates = [learning_rate(DistillConfig(), block, epoch) for epoch in (0.0, 1.0, 2.0)]
        assert rates == pytest.approx([start, start * 0.9, start * 0.81])
        assert learning_rate(DistillConfig(), block, 1.99) == rates[1]


def test_cosine_falls_from_step_to_step_to_zero() -> None:
    config = DistillConfig(num_epochs=4, lr_schedule="cosine", lr_decay=0.5)
    expected = [0.005, 0.005 * (1 + math.sqrt(0.5)) / 2, 0.0025, 0.005 * (1 - math.sqrt(0.5)) / 2, 0.0]
    assert [learning_rate(config, 2, float(epoch)) for epoch in range(5)] == pytest.approx(expected)
    assert learning_rate(config, 2, 1.0) > learning_rate(config, 2, 1.01) > learning_rate(config, 2, 1.5)


def test_lars_rises_over_the_warm_up_and_falls_along_half_a_cosine_to_zero() -> None:
    config = lars(warmup_epochs=1.0)
    peak = 0.3 * 512 / 256
    expected = [0, peak / 2, peak, peak * (1 + math.cos(math.pi / 8)) / 2, peak / 2, 0]
    assert [learning_rate(config, 1, epoch) for epoch in (0.0, 0.5, 1.0, 1.5, 3.0, 5.0)] == pytest.approx(expected)


def test_lars_without_a_warm_up_begins_at_its_peak() -> None:
    assert learning_rate(lars(warmup_epochs=0.0, base_lr=0.5), 3, 0.0) == 1.0


def test_a_warm_up_as_long_as_the_training_is_refused() -> None:
    with pytest.raises(ConfigError, match="distill.lars.warmup_epochs=5 leaves no epoch to train in"):
        lars(warmup_epochs=5.0)


def stepped(config: DistillConfig, gradient: float) -> tuple[nn.Linear, nn.Linear]:
    """Return a layer before and after one step at learning rate 1, every gradient the same."""
    layer, before = nn.Linear(3, 2), nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.fill_(2.0)
        layer.bias.fill_(2.0)
    before.load_state_dict(layer.state_dict())
    optimizer = build_optimizer(layer.parameters(), config, 2)
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    for group in optimizer.param_groups:
        group["lr"] = 1.0
    optimizer.step()
    return before, layer


@pytest.mark.parametrize("gradient", [1e-3, 10.0])
def test_lars_moves_a_weight_by_a_share_of_its_norm_whatever_the_gradient(gradient: float) -> None:
    before, after = stepped(lars(weight_decay=0.0, trust_coefficient=0.01), gradient)
    step = (before.weight - after.weight).norm() / before.weight.norm()
    assert step.item() == pytest.approx(0.01, rel=1e-3)


def test_lars_moves_biases_by_their_gradient_without_decay() -> None:
    before, after = stepped(lars(weight_decay=0.5), 0.25)
    torch.testing.assert_close(after.bias, before.bias - 0.25)


def test_lars_decays_weights_before_it_adapts() -> None:
    before, after = stepped(lars(weight_decay=0.5, trust_coefficient=0.01), 1.0)
    weight, gradient = before.weight, torch.ones(2, 3)
    ratio = 0.01 * weight.norm() / (gradient.norm() + 0.5 * weight.norm())
    torch.testing.assert_close(after.weight, weight - ratio * (gradient + 0.5 * weight))


def test_norms_and_biases_form_the_group_that_is_not_adapted() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    adapted, plain = build_optimizer(module.parameters(), lars(), 1).param_groups
    assert [p.shape for p in adapted["params"]] == [(4, 3, 1, 1)]
    assert [tuple(p.shape) for p in plain["params"]] == [(4,)] * 3
