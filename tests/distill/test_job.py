import math
from contextlib import nullcontext

import pytest
import torch

from helixnas.distill import CellJob, DistillConfig, Draw, feature_loss
from helixnas.supernet import Supernet, SupernetCell

Features = tuple[torch.Tensor, torch.Tensor]


def make_job(supernet: Supernet, block: int = 2, **settings: object) -> CellJob:
    module = supernet.block(block).cells[0]
    assert isinstance(module, SupernetCell)
    widths = supernet.block(block).previous_widths
    config = DistillConfig(**settings)  # type: ignore[arg-type]
    return CellJob(module, block=block, index=0, previous_widths=widths, config=config, seed=0)


def accumulate(job: CellJob, features: Features, *draws: Draw) -> float:
    return job.accumulate(*features, draws, autocast=nullcontext, backward=torch.Tensor.backward).item()


def test_learning_rates_are_the_papers(supernet: Supernet) -> None:
    for block, start in ((1, 0.002), (2, 0.005)):
        job = make_job(supernet, block)
        assert [job.lr(epoch) for epoch in (0.0, 1.0, 2.0)] == pytest.approx([start, start * 0.9, start * 0.81])
        assert job.lr(1.99) == job.lr(1.0)


def test_cosine_falls_from_step_to_step_to_zero(supernet: Supernet) -> None:
    job = make_job(supernet, num_epochs=4, lr_schedule="cosine", lr_decay=0.5)
    expected = [0.005, 0.005 * (1 + math.sqrt(0.5)) / 2, 0.0025, 0.005 * (1 - math.sqrt(0.5)) / 2, 0.0]
    assert [job.lr(epoch) for epoch in (0.0, 1.0, 2.0, 3.0, 4.0)] == pytest.approx(expected)
    assert job.lr(1.0) > job.lr(1.01) > job.lr(1.5)


def test_step_uses_the_learning_rate_of_its_epoch(supernet: Supernet, features: Features) -> None:
    job = make_job(supernet)
    accumulate(job, features, *job.draw(0))
    job.step(3.0)
    assert job.optimizer.param_groups[0]["lr"] == pytest.approx(0.005 * 0.9**3)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_step_leaves_parameters_outside_the_path_alone(supernet: Supernet, features: Features, optimizer: str) -> None:
    job = make_job(supernet, optimizer=optimizer, weight_decay=0.1)
    first, *_, second = job.module.cell.paths()
    for draw in (Draw(4, first), Draw(6, second)):  # after this every operation has momentum
        accumulate(job, features, draw)
        job.step(0.0)
    before = {name: value.clone() for name, value in job.module.state_dict().items()}
    accumulate(job, features, Draw(4, first))
    job.step(0.0)
    changed = {name for name, value in job.module.state_dict().items() if not torch.equal(value, before[name])}
    own = ("entries.4", "first.4.mb2_k3", "later.0.mb2_k3", "exit")
    assert changed == {name for name in before if name.startswith(own)}
    assert {name for name, p in job.module.named_parameters() if p.grad is not None} == changed


def test_gradients_of_several_paths_are_summed_and_their_losses_averaged(
    supernet: Supernet, features: Features
) -> None:
    job = make_job(supernet)
    draws = [Draw(4, path) for path in job.module.cell.paths()]
    shared = next(job.module.entry(4).parameters())
    single = list[tuple[float, torch.Tensor]]()
    for draw in draws:
        loss = accumulate(job, features, draw)
        assert shared.grad is not None
        single.append((loss, shared.grad.clone()))
    assert accumulate(job, features, *draws) == pytest.approx(sum(loss for loss, _ in single) / len(single))
    torch.testing.assert_close(shared.grad, sum(grad for _, grad in single), rtol=1e-4, atol=1e-6)


def test_loss_is_that_of_equation_six(supernet: Supernet, features: Features) -> None:
    job = make_job(supernet)
    (draw,) = job.draw(0)
    expected = feature_loss(job.module(features[0], draw.path, draw.previous_width), features[1])
    assert accumulate(job, features, draw) == pytest.approx(expected.item())


def test_steps_bring_the_loss_down(supernet: Supernet, features: Features) -> None:
    job = make_job(supernet)
    (draw,) = job.draw(0)
    losses = list[float]()
    for _ in range(20):
        losses.append(accumulate(job, features, draw))
        job.step(0.0)
    assert losses[-1] < 0.5 * losses[0]
