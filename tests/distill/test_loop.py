import copy
import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch

from helixnas.distill import Distillation, FrozenTeacher, StepRecord
from helixnas.engine import load_checkpoint, save_checkpoint
from helixnas.errors import ConfigError, NonFiniteLossError, OutOfMemoryError
from helixnas.supernet import Supernet, SupernetCell

Make = Callable[..., Distillation]

GOLDEN = {
    (1, 0): [0.718907, 0.624309, 0.560937, 0.526258, 0.469655],
    (1, 1): [0.614886, 0.539191, 0.460589, 0.416746, 0.386462],
    (2, 0): [1.721194, 1.646254, 1.655659, 1.329943, 1.391937],
}
"""Mean loss of every four epochs per (block, cell), on the CPU; a refactor keeps them."""


def weights(job: Distillation) -> dict[str, torch.Tensor]:
    return {
        f"{part.block}.{part.index}.{name}": value.clone()
        for part in job.units
        for name, value in part.module.state_dict().items()
    }


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_every_step_trains_every_cell_of_every_block(distillation: Make) -> None:
    job = distillation()
    records = list(job)
    assert [(r.step, r.epoch, r.num_images) for r in records] == [(s + 1, s // 3, 8) for s in range(6)]
    assert all(set(record.losses) == {(1, 0), (1, 1), (2, 0)} for record in records)
    assert job.step == job.num_steps == 6


@pytest.mark.parametrize("sampling", ["uniform", "strict-fair"])
def test_blocks_trained_together_equal_each_trained_alone(distillation: Make, sampling: str) -> None:
    together = distillation(sampling=sampling)
    losses = [record.losses for record in together]
    for block in (1, 2):
        alone = distillation(sampling=sampling, blocks=(block,))
        own = [record.losses for record in alone]
        assert own == [{key: value for key, value in step.items() if key[0] == block} for step in losses]
        expected = {name: value for name, value in weights(together).items() if name.startswith(f"{block}.")}
        assert_equal(weights(alone), expected)


def test_blocks_that_are_not_chosen_are_left_alone(distillation: Make, supernet: Supernet) -> None:
    before = copy.deepcopy(supernet.state_dict())
    job = distillation(supernet=supernet, blocks=(2,))
    list(job)
    changed = {name for name, value in supernet.state_dict().items() if not torch.equal(value, before[name])}
    assert {part.block for part in job.units} == {2}
    assert changed
    assert all(name.startswith("blocks.1.") for name in changed)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["uniform", "strict-fair"])
def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    distillation: Make, tmp_path: Path, sampling: str
) -> None:
    whole, saved = distillation(sampling=sampling, weight_decay=0.01), list[Path]()
    records = list[StepRecord]()
    for record in whole:
        records.append(record)
        saved.append(tmp_path / f"{record.step}.pt")
        save_checkpoint(saved[-1], whole.state())
    for done in (1, 3, 4):
        resumed = distillation(sampling=sampling, weight_decay=0.01)
        resumed.restore(load_checkpoint(saved[done - 1], torch.device("cpu")))
        assert list(resumed) == records[done:]
        assert_equal(weights(resumed), weights(whole))


@pytest.mark.parametrize(("share", "steps"), [(0.5, 3), (0.01, 1), (1.0, 6)])
def test_training_that_stops_early_equals_the_start_of_the_full_run(
    distillation: Make, share: float, steps: int
) -> None:
    job, whole = distillation(stop_at=share), distillation()
    records = list(job)
    assert [record.step for record in records] == list(range(1, steps + 1))
    assert [dict(record.losses) for record, _ in zip(whole, records, strict=False)] == [dict(r.losses) for r in records]


def test_same_seed_gives_the_same_weights_and_another_others(distillation: Make) -> None:
    def trained(seed: int) -> dict[str, torch.Tensor]:
        job = distillation(seed=seed, num_epochs=1)
        list(job)
        return weights(job)

    assert_equal(trained(0), trained(0))
    assert any(not torch.equal(a, b) for a, b in zip(trained(0).values(), trained(1).values(), strict=True))


def test_teacher_runs_once_per_step(distillation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    job = distillation()
    calls = list[int]()
    assert isinstance(job.source, FrozenTeacher)
    teacher = job.source.teacher
    features = teacher.features
    monkeypatch.setattr(teacher, "features", lambda images: calls.append(len(images)) or features(images))
    list(job)
    assert calls == [8] * 6


def test_distillation_does_not_touch_the_global_generator(distillation: Make) -> None:
    job = distillation()
    before = torch.get_rng_state()
    list(job)
    assert torch.equal(torch.get_rng_state(), before)


def spoil(job: Distillation, *blocks: int) -> None:
    """Let every weight of some blocks be NaN."""
    with torch.no_grad():
        for cell in (part.module for part in job.units if part.block in blocks):
            for parameter in cell.parameters():
                parameter.fill_(float("nan"))


def test_block_whose_loss_is_not_finite_stops_alone_and_is_named(distillation: Make) -> None:
    job, whole = distillation(), distillation()
    records = list(islice(job, 4))
    spoil(job, 2)
    path = job.units[2].draw(4)[0].path.text
    with pytest.raises(NonFiniteLossError) as caught:
        records.extend(job)
    assert str(caught.value) == (
        f"the loss of block 2 is nan in step 5 (batch 2 of epoch 2, path {path}); the other blocks are trained to "
        "their end and kept; try a lower distill.lr or runtime.precision=fp32"
    )
    expected = [record.losses for record in whole]
    assert [record.losses for record in records[:4]] == expected[:4]
    assert [r.losses for r in records[4:]] == [{key: e[key] for key in e if key[0] == 1} for e in expected[4:]]
    after, untouched = weights(job), weights(whole)
    assert [n for n in after if n.startswith("1.") and not torch.equal(after[n], untouched[n])] == []


def test_training_ends_at_once_where_no_block_is_left(distillation: Make) -> None:
    job = distillation()
    spoil(job, 1, 2)
    with pytest.raises(
        NonFiniteLossError, match=r"the loss of block 1 is nan .*; the loss of block 2 is nan .*; try a"
    ):
        next(iter(job))
    assert job.step == 0


def test_stopped_block_stays_stopped_after_a_resumption(distillation: Make, tmp_path: Path) -> None:
    job, resumed = distillation(), distillation()
    list(islice(job, 2))
    spoil(job, 2)
    assert set(next(iter(job)).losses) == {(1, 0), (1, 1)}
    save_checkpoint(tmp_path / "state.pt", job.state())
    resumed.restore(load_checkpoint(tmp_path / "state.pt", torch.device("cpu")))
    assert resumed.failures == job.failures
    assert set(next(iter(resumed)).losses) == {(1, 0), (1, 1)}


def test_batch_larger_than_the_set_is_refused(distillation: Make) -> None:
    with pytest.raises(ConfigError, match=r"distill.batch_size is 32, but there are only 24 training images; choose"):
        distillation(batch_size=32)


def test_out_of_memory_names_the_batch_size_to_try(distillation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(SupernetCell, "forward", fail)
    with pytest.raises(OutOfMemoryError, match=r"out of memory with distill.batch_size=8; try distill.batch_size=4"):
        next(iter(distillation()))


def test_a_cosine_spans_all_steps_even_if_training_stops_early(distillation: Make) -> None:
    def rates(**settings: float) -> list[float]:
        made = distillation(num_epochs=2, lr_schedule="cosine", **settings)
        return [made.units[-1].optimizer.param_groups[0]["lr"] for _ in made]

    whole = rates()
    share = [step / len(whole) for step in range(len(whole))]
    assert whole == pytest.approx([0.0025 * (1 + math.cos(math.pi * each)) for each in share])
    assert rates(stop_at=0.5) == whole[: len(whole) // 2]


@pytest.mark.slow
def test_loss_follows_its_golden_curve_and_falls(distillation: Make) -> None:
    records: list[StepRecord] = list(distillation(num_epochs=20, lr_decay=0.95))
    assert records[0].losses.keys() == GOLDEN.keys()
    for key, golden in GOLDEN.items():
        curve = [sum(r.losses[key] for r in records if r.epoch // 4 == part) / 12 for part in range(5)]
        assert curve == pytest.approx(golden, rel=1e-3)
        assert curve[-1] < 0.85 * curve[0]
