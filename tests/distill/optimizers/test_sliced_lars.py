"""Outside the slices of a step LARS changes nothing, bit for bit; inside, a slice moves by a share of its own norm."""

from typing import Any

import pytest
import torch
from timm.optim.lars import Lars
from torch import Tensor, nn

from helixnas.distill import DistillConfig, SlicedLars
from helixnas.distill.config import LarsConfig
from helixnas.distill.optimizers.choice import build_optimizer, build_sliced_optimizer
from helixnas.supernet import Region, view_of

LEFT: Region = ((0, 4), (0, 3))
CORNER: Region = ((0, 2), (0, 5))


def parameter(seed: int = 0) -> nn.Parameter:
    return nn.Parameter(torch.randn(4, 6, generator=torch.Generator().manual_seed(seed)))


def gradient(number: int, *regions: Region) -> Tensor:
    full = torch.randn(4, 6, generator=torch.Generator().manual_seed(100 + number))
    kept = torch.zeros(4, 6) if regions else torch.ones(4, 6)
    for region in regions:
        view_of(kept, region).fill_(1)
    return full * kept


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("adapt", [True, False])
def test_steps_of_whole_tensors_are_those_of_timm(adapt: bool, decay: float) -> None:
    own, reference = parameter(), parameter()
    sliced = SlicedLars([own], lr=0.5, weight_decay=decay, adapt=adapt, trust_coefficient=0.01)
    groups = [{"params": [reference], "weight_decay": decay, "always_adapt": True}]
    expected: Any = Lars(groups, lr=0.5, momentum=0.9, trust_coeff=0.01)  # type: ignore[arg-type]
    if not adapt:
        expected = torch.optim.SGD([reference], lr=0.5, momentum=0.9, weight_decay=decay)
    for number in range(6):
        own.grad, reference.grad = gradient(number), gradient(number)
        sliced.step()
        expected.step()
    torch.testing.assert_close(own, reference)


def test_overlapping_slices_are_one_tensor_of_their_weights_and_nothing_else_moves() -> None:
    own = parameter()
    optimizer = SlicedLars([own], lr=1.0, weight_decay=0.1, trust_coefficient=0.01)
    own.grad = gradient(0)
    optimizer.step()  # momentum everywhere
    before, momentum = own.detach().clone(), optimizer.state[own]["momentum"].clone()
    own.grad = gradient(1, LEFT, CORNER)
    optimizer.expect([(own, LEFT), (own, CORNER)])
    optimizer.step()
    inside = torch.zeros(4, 6, dtype=torch.bool)
    for region in (LEFT, CORNER):
        view_of(inside, region).fill_(True)
    assert torch.equal(before[~inside], own[~inside])
    assert torch.equal(momentum[~inside], optimizer.state[own]["momentum"][~inside])
    weights, grads = before[inside], gradient(1)[inside]
    ratio = 0.01 * weights.norm() / (grads.norm() + 0.1 * weights.norm())
    expected = 0.9 * momentum[inside] + ratio * (grads + 0.1 * weights)
    torch.testing.assert_close(own[inside], weights - expected)


def test_a_slice_is_stepped_as_the_smaller_tensor_would_be() -> None:
    large = parameter()
    small = nn.Parameter(view_of(large.detach(), LEFT).clone())
    optimizers = [SlicedLars([each], lr=1.0, weight_decay=0.1) for each in (large, small)]
    for number in range(4):
        large.grad, small.grad = gradient(number, LEFT), view_of(gradient(number), LEFT)
        optimizers[0].expect([(large, LEFT)])
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(view_of(large, LEFT), small)


@pytest.mark.parametrize("empty", ["weight", "gradient"])
def test_a_tensor_of_zeros_and_one_without_gradient_stay_finite(empty: str) -> None:
    own, idle = parameter(), parameter(1)
    own.grad = gradient(0)
    with torch.no_grad():
        (own if empty == "weight" else own.grad).zero_()
    SlicedLars([own, idle], lr=1.0, weight_decay=0.1).step()
    assert own.isfinite().all()
    assert torch.equal(idle, parameter(1))


def test_the_settings_of_a_recipe_give_the_steps_of_timm_where_all_of_a_tensor_is_used() -> None:
    config = DistillConfig(optimizer="lars", batch_size=512, num_epochs=5, lars=LarsConfig(weight_decay=0.1))
    first, second = nn.Linear(5, 4), nn.Linear(5, 4)
    second.load_state_dict(first.state_dict())
    optimizers = [
        build_sliced_optimizer(first.parameters(), config, 1),
        build_optimizer(second.parameters(), config, 1),
    ]
    for number in range(3):
        for layer, optimizer in zip((first, second), optimizers, strict=True):
            layer.weight.grad, layer.bias.grad = gradient(number)[:, :5].clone(), gradient(number)[:, 5].clone()
            for group in optimizer.param_groups:
                group["lr"] = 0.5
            optimizer.step()
    torch.testing.assert_close(first.state_dict(), second.state_dict())
