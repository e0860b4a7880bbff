"""NASWOT against a count by hand, and where it is not defined."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from helixnas.errors import ConfigError
from helixnas.proxies import naswot


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU, nn.GELU, lambda: nn.ReLU(inplace=True)])
def test_the_matrix_counts_the_units_that_respond_alike(activation) -> None:
    torch.manual_seed(0)
    layer, images = nn.Linear(6, 40), torch.randn(5, 6, 1, 1)
    with torch.no_grad():
        codes = (layer(images.flatten(1)) > 0).numpy()
    alike = np.array([[np.sum(a == b) for b in codes] for a in codes], dtype=float)
    found = naswot(nn.Sequential(nn.Flatten(), layer, activation()), images)
    assert found == pytest.approx(np.linalg.slogdet(alike)[1])


def test_layers_add_up_their_counts_and_the_mode_stays() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()).eval()
    images = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        first = model[:3].train()(images)
        second = model[3](first)
    model.eval()
    codes = np.concatenate([(first > 0).flatten(1).numpy(), (second > 0).flatten(1).numpy()], axis=1)
    alike = np.array([[np.sum(a == b) for b in codes] for a in codes], dtype=float)
    assert naswot(model, images) == pytest.approx(np.linalg.slogdet(alike)[1])
    assert not model.training
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_equal_images_give_minus_infinity() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 10), nn.ReLU())
    assert naswot(model, torch.ones(2, 6, 1, 1)) == -math.inf


def test_a_network_without_activations_is_refused() -> None:
    with pytest.raises(ConfigError, match="naswot needs a network with activations such as ReLU, SiLU or GELU"):
        naswot(nn.Sequential(nn.Flatten(), nn.Linear(6, 10)), torch.randn(2, 6, 1, 1))
