import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helixnas.engine import Fit, FitConfig, Runtime, evaluate, load_checkpoint, save_checkpoint
from helixnas.engine.fit import require_optimizer
from helixnas.errors import ConfigError, DataError, NonFiniteLossError, OutOfMemoryError, UnknownNameError

Make = Callable[..., Fit]
GOLDEN = [0.79209, 0.810777, 0.705341, 0.685609, 0.671907]
"""Mean loss of every two epochs, on the CPU."""


class Classifier(nn.Module):
    """Pooled colours, dropout, one linear layer."""

    def __init__(self, *, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(drop_rate)
        self.fc = nn.Linear(3, 3)
        nn.init.eye_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.fc(self.drop(self.norm(x)).mean((2, 3)))


@pytest.fixture
def fit(make_images: Any, runtime: Runtime) -> Make:
    """Return a function that makes a training; keywords are the settings."""

    def make(*, number: int = 22, drop_rate: float = 0.0, labelled: bool = True, **settings: Any) -> Fit:
        config = FitConfig(**{"num_epochs": 4, "batch_size": 5, "lr": 0.01, **settings})
        return Fit(
            Classifier(drop_rate=drop_rate),
            make_images(number, labelled=labelled),
            config=config,
            runtime=runtime,
            normalize=lambda images: images - 0.5,
            seed=0,
            title="the teacher",
        )

    return make


def test_every_epoch_has_the_full_batches(fit: Make) -> None:
    job = fit()
    records = list(job)
    assert [(r.step, r.epoch) for r in records] == [(step + 1, step // 4) for step in range(16)]
    assert job.step == job.num_steps == 16


@pytest.mark.parametrize("done", [1, 4, 7])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "sgd", "schedule": "step"},
        {"drop_rate": 0.5},
        {"batch_size": 4, "microbatch_size": 2, "mixup": 0.2, "cutmix": 1.0, "ema_decay": 0.9, "drop_rate": 0.5},
    ],
)
def test_resumed_training_equals_the_uninterrupted_one_bit_for_bit(
    fit: Make, tmp_path: Path, settings: dict[str, Any], done: int
) -> None:
    whole, first, second = fit(**settings), fit(**settings), fit(**settings)
    records = list(whole)
    head = list(islice(first, done))
    save_checkpoint(tmp_path / "state.pt", first.state())
    torch.rand(3)  # what else draws from the global generator makes no difference
    second.restore(load_checkpoint(tmp_path / "state.pt", torch.device("cpu")))
    assert [*head, *second] == records
    assert (whole.average is None) == (second.average is None)
    if whole.average is not None and second.average is not None:
        averages = whole.average.module.state_dict(), second.average.module.state_dict()
        assert all(torch.equal(averages[0][name], averages[1][name]) for name in averages[0])
    expected, found = whole.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_dropout_differs_from_step_to_step_and_between_seeds(fit: Make) -> None:
    def losses(seed: int) -> list[float]:
        job = fit(drop_rate=0.5, batch_size=22, lr=1e-12, optimizer="sgd", num_epochs=4)
        job.seed = seed
        return [record.loss for record in job]

    assert len(set(losses(0))) == 4
    assert losses(0) == losses(0) != losses(1)


def test_cosine_schedule_rises_linearly_and_falls_to_zero_along_a_cosine(fit: Make) -> None:
    rates = [record.lr for record in fit(warmup_epochs=1.0, lr=0.1)]
    start = 0.1 / 4
    warmup = [start + step * (0.1 - start) / 4 for step in range(4)]
    cosine = [0.05 * (1 + math.cos(math.pi * step / 16)) for step in range(4, 16)]
    assert rates == pytest.approx([*warmup, *cosine])


def test_step_schedule_falls_by_its_factor_every_so_many_epochs(fit: Make) -> None:
    job = fit(schedule="step", warmup_epochs=0.0, decay_rate=0.5, decay_epochs=1.5, lr=0.1)
    assert [record.lr for record in job] == pytest.approx([0.1 * 0.5 ** (step // 6) for step in range(16)])


def test_poly_schedule_is_a_power_of_the_steps_left(fit: Make) -> None:
    job = fit(schedule="poly", warmup_epochs=0.0, lr=0.1)
    assert [record.lr for record in job] == pytest.approx([0.1 * (1 - step / 16) ** 0.9 for step in range(16)])


def test_two_step_schedule_falls_after_two_thirds_and_eight_ninths(fit: Make) -> None:
    job = fit(schedule="two-step", warmup_epochs=0.0, decay_rate=0.1, lr=0.1)
    falls = [11, 14]  # of 16 steps
    expected = [0.1 * 0.1 ** sum(step >= fall for fall in falls) for step in range(16)]
    assert [record.lr for record in job] == pytest.approx(expected)


def test_a_criterion_replaces_the_loss_of_a_classifier(fit: Make) -> None:
    job = fit(num_epochs=1)
    seen: list[tuple[int, ...]] = []

    def criterion(model: nn.Module, batch: Any) -> Tensor:
        seen.append(tuple(batch.images.shape))
        return model(batch.images).square().mean() + 7

    job.criterion = criterion
    assert all(record.loss > 7 for record in job)
    assert len(seen) == 4


def test_labels_of_void_pixels_do_not_count(fit: Make) -> None:
    job = fit(num_epochs=1)
    batch = next(
        iter(job.images.batches(batch_size=5, seed=0, epoch=0, augment=False, shuffle=False, skip=0, drop_last=True))
    )
    void = torch.full_like(batch.labels, -100)
    void[0] = batch.labels[0]
    with torch.no_grad():
        job.model.eval()
        one = job._loss(SimpleNamespace(images=batch.images, labels=void), ())
        alone = job._loss(SimpleNamespace(images=batch.images[:1], labels=batch.labels[:1]), ())
    assert float(one) == pytest.approx(float(alone))


def test_warm_up_longer_than_the_training_is_cut(fit: Make) -> None:
    assert len(list(fit(warmup_epochs=100.0, num_epochs=1))) == 4


def test_loss_follows_its_golden_curve_and_falls(fit: Make) -> None:
    records = list(fit(num_epochs=10))
    curve = [sum(r.loss for r in records if r.epoch // 2 == part) / 8 for part in range(5)]
    assert curve == pytest.approx(GOLDEN, rel=1e-3)
    assert curve[-1] < curve[0]


def test_training_brings_the_model_to_the_answer(fit: Make, runtime: Runtime) -> None:
    job = fit(num_epochs=60, lr=0.3, weight_decay=0.0)
    list(job)
    found = evaluate(job.model, job.images, batch_size=8, runtime=runtime, normalize=job.normalize)
    assert found.accuracy > 0.9


def test_training_leaves_the_global_generator_alone(fit: Make) -> None:
    job = fit(drop_rate=0.5)
    before = torch.get_rng_state()
    list(job)
    assert torch.equal(torch.get_rng_state(), before)


def test_loss_of_smoothed_labels_has_its_closed_form(fit: Make) -> None:
    job = fit(label_smoothing=0.3, number=5)
    nn.init.zeros_(job.model.fc.weight)  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        job.model.fc.bias.copy_(torch.tensor([0.5, 0.25, 0.25]).log())  # type: ignore[union-attr, operator]
    nats = (math.log(2), math.log(4), math.log(4))
    expected = sum(0.7 * nats[label] + 0.1 * sum(nats) for label in job.images.labels.tolist()) / 5  # type: ignore[attr-defined]
    assert next(iter(job)).loss == pytest.approx(expected, rel=1e-6)


def test_clipped_gradient_limits_the_step(fit: Make) -> None:
    settings: dict[str, Any] = {
        "optimizer": "sgd",
        "lr": 1.0,
        "warmup_epochs": 0.0,
        "momentum": 0.5,
        "weight_decay": 0.0,
    }
    job = fit(clip_grad=1e-3, **settings)
    before = [p.detach().clone() for p in job.model.parameters()]
    next(iter(job))
    moved = torch.cat([(p.detach() - b).flatten() for p, b in zip(job.model.parameters(), before, strict=True)])
    assert moved.norm().item() == pytest.approx(1.5e-3, rel=1e-2)  # Nesterov: 1 + momentum times the gradient


def test_settings_that_the_optimizer_does_not_take_are_one_sentence(fit: Make) -> None:
    with pytest.raises(ConfigError, match=r"optimizer 'sgd' cannot be built with lr 0.01, .* momentum 0.0: Nesterov"):
        fit(optimizer="sgd", momentum=0.0)


def test_batch_larger_than_the_set_is_refused(fit: Make) -> None:
    with pytest.raises(
        ConfigError, match=r"batch_size for training the teacher is 32, but there are only 22 training images"
    ):
        fit(batch_size=32)


def test_images_without_labels_are_refused(fit: Make, runtime: Runtime) -> None:
    job = fit(labelled=False)
    with pytest.raises(DataError, match="training the teacher needs labels, and the images have none"):
        next(iter(job))
    with pytest.raises(DataError, match="the accuracy needs labels, and the images have none"):
        evaluate(job.model, job.images, batch_size=4, runtime=runtime, normalize=job.normalize)


def test_loss_that_is_not_finite_names_the_step_and_leaves_the_state(fit: Make) -> None:
    job = fit()
    list(islice(job, 2))
    with torch.no_grad():
        job.model.fc.bias.fill_(float("nan"))  # type: ignore[union-attr, operator]
    with pytest.raises(NonFiniteLossError, match=r"the loss of the teacher is nan in step 3; try a lower lr than 0.01"):
        next(iter(job))
    assert job.step == 2


def test_out_of_memory_names_the_batch_size_and_leaves_the_step(fit: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    job = fit()

    def fail(loss: Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(job.runtime, "backward", fail)
    with pytest.raises(OutOfMemoryError, match="out of memory with batch_size=5; try batch_size=2"):
        next(iter(job))
    assert job.step == 0


def test_a_batch_in_parts_takes_the_step_of_the_whole_batch(fit: Make) -> None:
    whole, parts = (fit(number=24, batch_size=6, **settings) for settings in ({}, {"microbatch_size": 2}))
    for job in (whole, parts):
        job.model.norm = nn.Identity()  # batch norm sees the part
    records = list(whole), list(parts)
    assert [(r.step, r.epoch, r.lr) for r in records[0]] == [(r.step, r.epoch, r.lr) for r in records[1]]
    assert [r.loss for r in records[0]] == pytest.approx([r.loss for r in records[1]], rel=1e-5)
    assert torch.allclose(whole.model.fc.weight, parts.model.fc.weight, atol=1e-6)  # type: ignore[union-attr, arg-type]


def test_dropout_differs_between_the_parts_of_a_batch(fit: Make) -> None:
    shown: list[Tensor] = []
    job = fit(number=4, batch_size=4, microbatch_size=2, drop_rate=0.5, num_epochs=1)
    job.model.drop.register_forward_hook(lambda module, given, output: shown.append(output == 0))  # type: ignore[union-attr]
    list(job)
    assert len(shown) == 2
    assert not torch.equal(*shown)


def test_out_of_memory_of_a_part_names_the_size_of_the_part(fit: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    job = fit(batch_size=8, microbatch_size=4)

    def fail(loss: Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(job.runtime, "backward", fail)
    with pytest.raises(OutOfMemoryError, match="out of memory with microbatch_size=4; try microbatch_size=2"):
        next(iter(job))


def test_the_average_follows_the_weights_by_its_closed_form(fit: Make) -> None:
    job = fit(ema_decay=0.6)
    assert job.average is not None
    expected = job.model.fc.weight.detach().clone()  # type: ignore[union-attr, operator]
    for record in islice(job, 6):
        kept = min(0.6, 1 - record.step ** (-2 / 3)) if record.step > 1 else 0.0
        expected = kept * expected + (1 - kept) * job.model.fc.weight.detach()  # type: ignore[union-attr, operator]
        assert torch.allclose(job.average.module.fc.weight, expected, atol=1e-6)


def test_without_a_decay_there_is_no_average(fit: Make) -> None:
    assert fit().average is None


def test_the_objective_gets_logits_cross_entropy_and_images_and_is_minimised(fit: Make) -> None:
    seen: list[tuple[Tensor, ...]] = []

    def objective(logits: Tensor, loss: Tensor, images: Tensor) -> Tensor:
        seen.append((logits, loss, images))
        return 3.0 * loss

    job = fit()
    job.objective = objective
    record = next(iter(job))
    ((logits, loss, images),) = seen
    assert logits.shape == (5, 3)
    assert 0 <= images.min() <= images.max() <= 1
    assert record.loss == pytest.approx(3 * loss.item())


def test_mixed_batches_have_mixed_targets(fit: Make) -> None:
    job = fit(mixup=1.0, batch_size=4, number=4, label_smoothing=0.1, warmup_epochs=0.0)
    seen: list[Tensor] = []
    job.normalize = lambda images: seen.append(images) or images
    next(iter(job))
    (mixed,) = seen
    (batch,) = job.images.batches(batch_size=4, seed=0, epoch=0, augment=True, shuffle=True, skip=0, drop_last=True)
    blend = (mixed - batch.images.flip(0)) / (batch.images - batch.images.flip(0))
    assert torch.allclose(blend, blend.flatten()[0].expand_as(blend), atol=1e-3)


def test_an_unknown_optimizer_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown optimizer 'adamww'; did you mean adamw"):
        require_optimizer("adamww")
