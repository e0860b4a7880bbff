"""Outside the slices of a step nothing changes, bit for bit; inside, every weight is stepped as by torch's Adam."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helixnas.distill import DistillConfig, SlicedAdam, TrainingUnit, build_units
from helixnas.distill.optimizers.sliced_adam import STATE
from helixnas.distill.sampling import Sampling
from helixnas.engine import Runtime, load_checkpoint, save_checkpoint
from helixnas.space import vit
from helixnas.supernet import Region, SlimmableCells, SupernetConfig, build_supernet, disjoint, view_of, whole_region

DECAYS: list[dict[str, Any]] = [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled": True}]


def parameter() -> nn.Parameter:
    return nn.Parameter(torch.randn(4, 6, generator=torch.Generator().manual_seed(0)))


def gradient(number: int) -> Tensor:
    return torch.randn(4, 6, generator=torch.Generator().manual_seed(100 + number))


def torchs(weights: list[nn.Parameter], settings: dict[str, Any]) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if settings.get("decoupled") else torch.optim.Adam
    return kind(weights, lr=0.01, weight_decay=settings.get("weight_decay", 0.0), foreach=False)


@pytest.mark.parametrize("settings", DECAYS)
def test_steps_of_whole_tensors_are_those_of_torch(settings: dict[str, Any]) -> None:
    own, reference = parameter(), parameter()
    sliced, expected = SlicedAdam([own], lr=0.01, **settings), torchs([reference], settings)
    for number in range(10):
        own.grad, reference.grad = gradient(number), gradient(number)
        sliced.step()
        expected.step()
    torch.testing.assert_close(own, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", DECAYS)
def test_every_weight_has_an_adam_of_its_own_that_sees_only_its_steps(settings: dict[str, Any]) -> None:
    own = parameter()
    sliced = SlicedAdam([own], lr=0.01, **settings)
    single = [nn.Parameter(value.clone()) for value in own.detach().flatten()]
    alone = [torchs([each], settings) for each in single]
    rng = np.random.default_rng(0)
    for number in range(12):
        regions: list[Region] = [
            tuple(
                (0, int(size)) if rng.integers(2) else (whole - int(size), whole)
                for size, whole in zip(sizes, (4, 6), strict=True)
            )
            for sizes in rng.integers(1, (5, 7), (int(rng.integers(1, 4)), 2))
        ]
        touched = torch.zeros(4, 6)
        for region in disjoint(regions):
            view_of(touched, region).fill_(1)
        own.grad = gradient(number) * touched
        sliced.expect((own, region) for region in regions)
        sliced.step()
        for is_touched, value, each, optimizer in zip(
            touched.flatten(), own.grad.flatten(), single, alone, strict=True
        ):
            if is_touched:
                each.grad = value.clone()
                optimizer.step()
    torch.testing.assert_close(
        own.detach().flatten(), torch.stack([each.detach() for each in single]), rtol=1e-5, atol=1e-6
    )


def make_unit(**settings: Any) -> tuple[TrainingUnit, SlimmableCells]:
    """Return the unit of the cells of two layers in block 2 of a small space, slices from either end."""
    space = vit(
        dimensions=(8, 16, 24),
        head_dim=4,
        mlp_ratios=(1, 2),
        layers=(2,),
        strides=(1, 1),
        patch=2,
        image_size=8,
        stem_width=8,
    )
    supernet = build_supernet(space, (10, 12), config=SupernetConfig(slimmable=True, slices="two-sided"), seed=0)
    (unit,) = build_units(supernet.block(2), config=DistillConfig(**settings), seed=0)
    assert isinstance(unit.module, SlimmableCells)
    return unit, unit.module


def take_step(unit: TrainingUnit, step: int, runtime: Runtime) -> None:
    draw = torch.Generator().manual_seed(step)
    features = [torch.empty(0), torch.randn(2, 10, 4, 4, generator=draw), torch.randn(2, 12, 4, 4, generator=draw)]
    unit.accumulate([features], unit.draw(step), runtime=runtime)
    unit.step(0.0, runtime=runtime)


def state_of(unit: TrainingUnit) -> dict[nn.Parameter, list[Tensor]]:
    """Return copies of the values and of what the optimiser holds, per parameter."""
    state = unit.optimizer.state
    return {
        each: [each.detach().clone(), *(state[each][name].clone() for name in STATE if name in state[each])]
        for each in unit.module.parameters()
    }


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("sampling", ["uniform", "strict-fair", "sandwich"])
def test_a_step_changes_no_bit_outside_its_slices(sampling: Sampling, optimizer: str, runtime: Runtime) -> None:
    unit, module = make_unit(sampling=sampling, num_random=1, optimizer=optimizer, weight_decay=0.1)
    for step in range(3):  # after this, weights have moments
        take_step(unit, step, runtime)
    seen_outside = 0
    for step in range(3, 9):
        before = state_of(unit)
        take_step(unit, step, runtime)
        after = state_of(unit)
        regions: dict[nn.Parameter, list[Region]] = {}
        for draw in unit.draw(step):
            for weight, region in module.slices(*draw.arguments):
                regions.setdefault(weight, []).append(region)
        for weight, old in before.items():
            inside = torch.zeros_like(weight, dtype=torch.bool)
            for region in regions.get(weight, []):
                view_of(inside, region).fill_(True)
            old = old if len(old) > 1 else [old[0], *(torch.zeros_like(weight) for _ in STATE)]
            new = after[weight] if len(after[weight]) > 1 else old
            for first, second in zip(old, new, strict=True):
                assert torch.equal(first.view(torch.int32)[~inside], second.view(torch.int32)[~inside])
            torch.testing.assert_close(1 - new[2][inside], 0.9 * (1 - old[2][inside]))  # 1 - 0.9^n, one more step
            seen_outside += int((~inside).sum())
    assert seen_outside > 0


def test_torchs_adam_would_change_weights_outside() -> None:
    """The reason for an optimiser of our own: with its moments, torch's moves weights whose gradient is zero."""
    weight = parameter()
    optimizer = torch.optim.Adam([weight], lr=0.01)
    for number in range(2):
        weight.grad = gradient(number)
        if number:
            weight.grad[:, 3:] = 0
        before = weight.detach().clone()
        optimizer.step()
    assert not torch.equal(before[:, 3:], weight[:, 3:])


def test_without_regions_a_parameter_is_stepped_whole_and_one_without_gradient_not_at_all() -> None:
    first, second = parameter(), parameter()
    optimizer = SlicedAdam([first, second], lr=0.01)
    first.grad = gradient(0)
    optimizer.step()
    assert (first != parameter()).all()
    assert torch.equal(second, parameter())
    optimizer.expect([(first, ((0, 1), (0, 1)))])
    before = first.detach().clone()
    optimizer.step()
    assert (first != before).nonzero().tolist() == [[0, 0]]
    assert whole_region(first) == ((0, 4), (0, 6))


def test_a_resumed_optimiser_goes_on_bit_for_bit(runtime: Runtime, tmp_path: Any) -> None:
    unit, module = make_unit()
    for step in range(4):
        take_step(unit, step, runtime)
    save_checkpoint(tmp_path / "state.pt", {"module": module.state_dict(), "optimizer": unit.optimizer.state_dict()})
    resumed, other = make_unit()
    saved = load_checkpoint(tmp_path / "state.pt", torch.device("cpu"))
    other.load_state_dict(saved["module"])
    resumed.optimizer.load_state_dict(saved["optimizer"])
    for step in range(4, 8):
        take_step(unit, step, runtime)
        take_step(resumed, step, runtime)
    for name, value in module.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


def test_gradients_of_slices_are_summed_and_their_losses_averaged(runtime: Runtime) -> None:
    unit, module = make_unit(sampling="sandwich", num_random=1)
    draws = unit.draw(0)
    assert len(draws) == 3
    features = [torch.empty(0), torch.randn(2, 10, 4, 4), torch.randn(2, 12, 4, 4)]
    sums: dict[str, Tensor] = {}
    losses = list[float]()
    for draw in draws:
        losses.append(unit.accumulate([features], [draw], runtime=runtime).item())
        for name, weight in module.named_parameters():
            if weight.grad is not None:
                sums[name] = sums.get(name, torch.zeros_like(weight)) + weight.grad
    assert unit.accumulate([features], draws, runtime=runtime).item() == pytest.approx(sum(losses) / 3)
    found = {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}
    assert found.keys() == sums.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, sums[name], rtol=1e-4, atol=1e-6)
