"""Gradients of batch norms in NHWC order: the same values, whatever order they come in."""

import copy

import pytest
import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from helixnas.engine.cpu.layout import keep_gradient_layout


def orders(module: nn.Module) -> list[bool]:
    """Return, filled by the next backward pass, whether the gradient of what the module gives lies in NHWC order."""
    found: list[bool] = []

    def watch(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        def see(gradient: Tensor) -> None:
            found.append(gradient.is_contiguous(memory_format=torch.channels_last))

        output.register_hook(see)

    module.register_forward_hook(watch)
    return found


def gradients(model: nn.Module, x: Tensor, target: Tensor) -> list[Tensor]:
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    F.mse_loss(model(x), target).backward()
    found = [x.grad, *(parameter.grad for parameter in model.parameters())]
    return [gradient for gradient in found if gradient is not None]


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, BatchNormAct2d])
def test_gradients_are_the_same_and_lie_as_the_feature_maps_do(norm: type[nn.Module]) -> None:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), norm(8)).to(memory_format=torch.channels_last)
    kept = keep_gradient_layout(copy.deepcopy(own))
    x, target = (torch.randn(4, channels, 6, 6).contiguous(memory_format=torch.channels_last) for channels in (3, 8))
    before, after = orders(own[1]), orders(kept[1])
    for expected, found in zip(gradients(own, x, target), gradients(kept, x, target), strict=True):
        torch.testing.assert_close(found, expected)
    assert (before, after) == ([False], [True])


def test_maps_in_nchw_order_and_passes_without_gradients_are_left_alone() -> None:
    norm = keep_gradient_layout(nn.BatchNorm2d(4))
    x = torch.randn(2, 4, 5, 5)
    found = orders(norm)
    F.mse_loss(norm(x), torch.zeros_like(x)).backward()
    assert found == [False]
    with torch.no_grad():
        assert not keep_gradient_layout(nn.BatchNorm2d(4))(x).requires_grad


def test_asking_twice_and_copying_change_nothing() -> None:
    model = nn.Sequential(nn.BatchNorm2d(4), nn.BatchNorm1d(4))
    twice = copy.deepcopy(keep_gradient_layout(keep_gradient_layout(model)))
    assert [len(module._forward_hooks) for module in twice] == [1, 1]
    assert twice.state_dict().keys() == model.state_dict().keys()
    twice[1](torch.randn(3, 4)).sum().backward()
