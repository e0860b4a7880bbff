"""The paper's units: one unit per cell, parameters outside the path, sums of gradients."""

from collections.abc import Callable
from itertools import islice

import pytest
import torch

from helixnas.distill import Distillation, DistillConfig, Draw, TrainingUnit, build_units, feature_loss
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.engine.gpu import compiling
from helixnas.errors import ConfigError
from helixnas.space import SearchSpace, vit
from helixnas.supernet import Supernet, SupernetCell, SupernetConfig, build_supernet

Features = tuple[torch.Tensor, torch.Tensor]


def make_unit(supernet: Supernet, **settings: object) -> tuple[TrainingUnit, SupernetCell]:
    """Return the unit of the only cell of block 2, and the cell."""
    (unit,) = build_units(supernet.block(2), config=DistillConfig(**settings), seed=0)  # type: ignore[arg-type]
    assert isinstance(unit.module, SupernetCell)
    return unit, unit.module


def accumulate(unit: TrainingUnit, features: Features, runtime: Runtime, *draws: Draw) -> float:
    return unit.accumulate([(torch.empty(0), *features)], draws, runtime=runtime).item()


def test_step_uses_the_learning_rate_of_its_epoch(supernet: Supernet, features: Features, runtime: Runtime) -> None:
    unit, _ = make_unit(supernet)
    accumulate(unit, features, runtime, *unit.draw(0))
    unit.step(3.0, runtime=runtime)
    assert unit.optimizer.param_groups[0]["lr"] == pytest.approx(0.005 * 0.9**3)


def test_every_cell_of_a_block_is_a_unit_of_its_own(supernet: Supernet) -> None:
    block = supernet.block(1)
    units = build_units(block, config=DistillConfig(), seed=0)
    assert [(unit.block, unit.index) for unit in units] == [(1, 0), (1, 1)]
    assert [unit.module for unit in units] == list(block)
    for unit in units:
        held = [p for group in unit.optimizer.param_groups for p in group["params"]]
        assert all(a is b for a, b in zip(held, unit.module.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "lars"])
def test_step_leaves_parameters_outside_the_path_alone(
    supernet: Supernet, features: Features, runtime: Runtime, optimizer: str
) -> None:
    unit, module = make_unit(supernet, optimizer=optimizer, weight_decay=0.1)
    first, *_, second = module.cell.paths()
    for draw in (Draw(4, first), Draw(6, second)):  # after this every operation has momentum
        accumulate(unit, features, runtime, draw)
        unit.step(1.0, runtime=runtime)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    accumulate(unit, features, runtime, Draw(4, first))
    unit.step(1.0, runtime=runtime)
    changed = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    own = ("entries.4", "first.4.mb2_k3", "later.0.mb2_k3", "exit")
    assert changed == {name for name in before if name.startswith(own)}
    assert {name for name, p in module.named_parameters() if p.grad is not None} == changed


def test_gradients_of_several_paths_are_summed_and_their_losses_averaged(
    supernet: Supernet, features: Features, runtime: Runtime
) -> None:
    unit, module = make_unit(supernet)
    draws = [Draw(4, path) for path in module.cell.paths()]
    shared = next(module.entry(4).parameters())
    single = list[tuple[float, torch.Tensor]]()
    for draw in draws:
        loss = accumulate(unit, features, runtime, draw)
        assert shared.grad is not None
        single.append((loss, shared.grad.clone()))
    expected = sum(loss for loss, _ in single) / len(single)
    assert accumulate(unit, features, runtime, *draws) == pytest.approx(expected)
    torch.testing.assert_close(shared.grad, sum(grad for _, grad in single), rtol=1e-4, atol=1e-6)


def test_loss_is_that_of_equation_six(supernet: Supernet, features: Features, runtime: Runtime) -> None:
    unit, module = make_unit(supernet)
    (draw,) = unit.draw(0)
    expected = feature_loss(module(features[0], draw.path, draw.previous_width), features[1])
    assert accumulate(unit, features, runtime, draw) == pytest.approx(expected.item())


def test_steps_bring_the_loss_down(supernet: Supernet, features: Features, runtime: Runtime) -> None:
    unit, _ = make_unit(supernet)
    (draw,) = unit.draw(0)
    losses = list[float]()
    for _ in range(20):
        losses.append(accumulate(unit, features, runtime, draw))
        unit.step(0.0, runtime=runtime)
    assert losses[-1] < 0.5 * losses[0]


def test_cells_that_share_weights_are_one_unit_with_the_number_of_its_first_cell() -> None:
    space = vit(dimensions=(8, 16), head_dim=4, mlp_ratios=(1, 2), layers=(2, 1), strides=(1,), patch=2, image_size=8)
    block = build_supernet(space, (6,), config=SupernetConfig(slimmable=True), seed=0).block(1)
    units = build_units(block, config=DistillConfig(sampling="sandwich", num_random=0), seed=0)
    assert [(unit.block, unit.index) for unit in units] == [(1, 0), (1, 2)]
    assert [unit.module for unit in units] == list(block.cells)
    assert [[draw.path.text for draw in unit.draw(7)] for unit in units] == [
        ["16:attn_r2,attn_r2", "8:attn_r1,attn_r1"],
        ["16:attn_r2", "8:attn_r1"],
    ]


def test_steps_bring_the_loss_of_slices_down(runtime: Runtime) -> None:
    space = vit(dimensions=(8, 16), head_dim=4, mlp_ratios=(1, 2), layers=(1,), strides=(1,), patch=2, image_size=8)
    block = build_supernet(space, (6,), config=SupernetConfig(slimmable=True), seed=0).block(1)
    (unit,) = build_units(block, config=DistillConfig(sampling="strict-fair", first_block_lr=0.01), seed=0)
    draw = torch.Generator().manual_seed(0)
    features = (torch.rand(4, 3, 8, 8, generator=draw), torch.rand(4, 6, 4, 4, generator=draw))
    losses = list[float]()
    for step in range(40):
        losses.append(unit.accumulate([features], unit.draw(step), runtime=runtime).item())
        unit.step(0.0, runtime=runtime)
    assert losses[-1] < 0.5 * losses[0]


def test_sandwich_is_refused_for_cells_with_weights_of_their_own(supernet: Supernet) -> None:
    with pytest.raises(
        ConfigError, match="^distill.sampling=sandwich needs supernet.slimmable=true, because .*; choose uniform"
    ):
        build_units(supernet.block(1), config=DistillConfig(sampling="sandwich"), seed=0)


@pytest.mark.slow
def test_compiled_operations_learn_what_plain_ones_do_and_are_saved_alike(
    distillation: Callable[..., Distillation], space: SearchSpace, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    compiled = Runtime(RuntimeConfig(device="cpu", num_threads=1, compile=True))
    losses: list[list[float]] = []
    names: list[list[str]] = []
    for each in (compiled, runtime):
        supernet = each.place(build_supernet(space, (6, 8), config=SupernetConfig(), seed=0))
        kinds = {type(layer).__name__ for layer in compiling.layers_of(supernet) if hasattr(layer, "compiled_from")}
        assert kinds == ({"InvertedResidual", "ConvNormAct"} if each is compiled else set())
        steps = islice(distillation(supernet=supernet, blocks=(2,)), 2)  # the second shows the gradients of the first
        losses.append([loss for record in steps for loss in record.losses.values()])
        names.append(list(supernet.state_dict()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert names[0] == names[1]
