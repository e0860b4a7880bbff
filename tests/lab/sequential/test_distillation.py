import copy
import math
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch

from helixnas.data import ImageSet
from helixnas.distill import DistillConfig, StepRecord, build_distillation, feature_loss
from helixnas.distill.cells import draw_cell
from helixnas.engine import Runtime, load_checkpoint, save_checkpoint
from helixnas.errors import NonFiniteLossError, OutOfMemoryError
from helixnas.lab.sequential import Progressive, ScoredPrefix, distillation
from helixnas.rating import relative_l1
from helixnas.space import Path as SpacePath
from helixnas.space import SearchSpace
from helixnas.supernet import Supernet, SupernetCell, SupernetConfig, build_supernet, chain_features
from helixnas.teacher import Teacher

Make = Callable[..., Progressive]
Weights = dict[str, torch.Tensor]

BOTH = pytest.mark.parametrize("strategy", ["progressive-a", "progressive-b"])
STEPS = 6
"""Of each block's training: two epochs of three batches; three batches are rated after it."""


@pytest.fixture
def progressive(space: SearchSpace, teacher: Teacher, images: ImageSet, runtime: Runtime) -> Make:
    """Return a function that makes a progressive distillation of a fresh supernet; keywords are settings."""

    def make(strategy: str, *, seed: int = 0, **settings: object) -> Progressive:
        values = {"num_epochs": 2, "batch_size": 8, "num_kept": 1, **settings}
        config = DistillConfig(strategy=strategy, **values)  # type: ignore[arg-type]
        supernet = runtime.place(build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0))
        return Progressive(teacher, supernet, images, images, config=config, runtime=runtime, seed=seed)

    return make


def weights(supernet: Supernet, block: int) -> Weights:
    return copy.deepcopy(supernet.block(block).state_dict())


def differing(first: Weights, second: Weights) -> set[str]:
    assert first.keys() == second.keys()
    return {name for name in first if not torch.equal(first[name], second[name])}


def into_block_two(job: Progressive) -> None:
    """Go on until block 2 has been trained in one step."""
    while (job.stage, job.step) != (2, 1):
        next(iter(job))


@BOTH
def test_blocks_are_trained_in_turn_and_rated_after(progressive: Make, strategy: str) -> None:
    records = list(progressive(strategy))
    assert [bool(record.losses) for record in records] == ([True] * STEPS + [False] * 3) * 2
    trained = [record for record in records if record.losses]
    assert [(r.step, r.epoch) for r in trained] == [(s + 1, s % STEPS // 3) for s in range(2 * STEPS)]
    assert [set(r.losses) for r in trained] == [{(1, 0), (1, 1)}] * STEPS + [{(2, 0)}] * STEPS


@BOTH
def test_block_one_is_trained_as_in_the_concurrent_strategy(
    progressive: Make, supernet: Supernet, runtime: Runtime, strategy: str
) -> None:
    job = progressive(strategy)
    config = DistillConfig(num_epochs=2, batch_size=8)
    images, teacher = job.source.images, job.source.teacher
    ours = build_distillation(
        teacher, runtime.place(supernet), images, config=config, runtime=runtime, seed=0, blocks=(1,)
    )
    assert [r.losses for r in islice(job, STEPS)] == [r.losses for r in ours]
    assert differing(weights(job.supernet, 1), weights(supernet, 1)) == set()


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("num_kept", [1, 2, 100])
def test_a_beam_holds_the_best_prefixes_of_each_width(progressive: Make, strategy: str, num_kept: int) -> None:
    job = progressive(strategy, num_kept=num_kept)
    after = list[Supernet]()
    for _ in job:
        if len(job.scores) == 3:
            after.append(copy.deepcopy(job.supernet))
    batches = job.held_out.batches(batch_size=8, seed=0, epoch=0, augment=False, shuffle=True)
    features = [job.source.teacher.features(batch.images) for batch in batches]
    before: list[tuple[SpacePath, ...]] = [()]
    for supernet, beam in zip(after, job.beams, strict=True):
        number, expected = len(before[0]) + 1, list[tuple[float, tuple[SpacePath, ...]]]()
        for prefix in before:
            for path in (path for cell in supernet.block(number) for path in cell.cell.paths()):
                paths = (*prefix, path)
                with torch.no_grad():
                    made = [chain_features(supernet, paths, each[0], previous_width=4)[-1] for each in features]
                scores = [relative_l1(a, b[number]).item() for a, b in zip(made, features, strict=True)]
                expected.append((sum(scores) / 3, paths))
        expected.sort(key=lambda pair: pair[0])
        best = {width: [pair for pair in expected if pair[1][-1].width == width] for width in (4, 6, 8)}
        wanted = sorted((pair for own in best.values() for pair in own[:num_kept]), key=lambda pair: pair[0])
        assert [each.prefix for each in beam] == [paths for _, paths in wanted]
        assert [each.score for each in beam] == pytest.approx([score for score, _ in wanted])
        before = [each.prefix for each in beam]
    assert {each.prefix[0].width for each in job.beams[0]} == {4, 6}


def test_b_leaves_earlier_blocks_as_they_are(progressive: Make) -> None:
    job = progressive("progressive-b")
    list(islice(job, STEPS))
    trained, first = weights(job.supernet, 1), weights(job.supernet, 2)
    list(job)
    assert differing(weights(job.supernet, 1), trained) == set()
    assert differing(weights(job.supernet, 2), first)


def test_a_trains_prefixes_again_from_initial_weights_and_restores_the_weights_that_were_rated(
    progressive: Make,
) -> None:
    job = progressive("progressive-a", num_kept=1)
    first = weights(job.supernet, 1)
    list(islice(job, STEPS))
    rated = weights(job.supernet, 1)
    into_block_two(job)
    again = differing(weights(job.supernet, 1), first)
    assert again
    assert again < differing(rated, first)  # one path in one step, from initial weights
    list(job)
    assert differing(weights(job.supernet, 1), rated) == set()


def test_a_trains_a_prefix_and_the_block_behind_it_as_one_network(progressive: Make) -> None:
    job = progressive("progressive-a")
    list(islice(job, STEPS + 3))
    job._end_block()
    job._begin(2)
    (first,) = job._draw_prefix()
    (draw,) = draw_cell(job.supernet.block(2), 0, 0, config=job.config, seed=0, previous_width=first.width)
    twin = copy.deepcopy(job.supernet)
    (batch, *_) = job.held_out.batches(batch_size=8, seed=0, epoch=0, augment=True, shuffle=True, drop_last=True)
    features = job.source.teacher.features(batch.images)
    made = chain_features(twin, (first, draw.path), features[0], previous_width=4)
    (feature_loss(made[0], features[1]) + feature_loss(made[1], features[2])).backward()
    job._train_on((batch.images,))
    expected = {name: value.grad for name, value in twin.named_parameters() if value.grad is not None}
    found = {name: value.grad for name, value in job.supernet.named_parameters() if value.grad is not None}
    assert expected.keys() == found.keys()
    assert any(name.startswith("blocks.0.") for name in found)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


@BOTH
def test_a_block_is_fed_by_any_prefix_of_the_beam_and_from_its_width(
    progressive: Make, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = progressive(strategy, num_kept=2)
    passed = list[tuple[SpacePath, int]]()
    forward = SupernetCell.forward

    def noted(self: SupernetCell, features: torch.Tensor, path: SpacePath, previous_width: int) -> torch.Tensor:
        passed.append((path, previous_width))
        return forward(self, features, path, previous_width)

    list(islice(job, STEPS + 3))
    monkeypatch.setattr(SupernetCell, "forward", noted)
    list(islice(job, STEPS))
    first, second = passed[::2], passed[1::2]
    assert len(first) == len(second) == STEPS
    assert {path for path, _ in first} <= {each.prefix[0] for each in job.beams[0]}
    assert {width for _, width in first} == {4}
    assert [width for _, width in second] == [path.width for path, _ in first]
    counts = Counter[tuple[SpacePath, ...]]()
    for job.step in range(60):
        counts[job._draw_prefix()] += 1
    assert counts.keys() == {each.prefix for each in job.beams[0]}
    assert min(counts.values()) > 5


@pytest.mark.slow
@BOTH
def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(progressive: Make, tmp_path: Path, strategy: str) -> None:
    whole, records = progressive(strategy, weight_decay=0.01, num_kept=2), list[StepRecord]()
    for record in whole:
        records.append(record)
        save_checkpoint(tmp_path / f"{len(records)}.pt", whole.state())
    for done in (4, STEPS, STEPS + 2, STEPS + 3, STEPS + 3 + 1, 2 * STEPS + 3, 2 * STEPS + 6):
        resumed = progressive(strategy, weight_decay=0.01, num_kept=2)
        resumed.restore(load_checkpoint(tmp_path / f"{done}.pt", torch.device("cpu")))
        assert list(resumed) == records[done:]
        assert resumed.beams == whole.beams
        for block in (1, 2):
            assert differing(weights(resumed.supernet, block), weights(whole.supernet, block)) == set()


@pytest.mark.slow
@BOTH
def test_same_seed_gives_the_same_answer_and_another_another(progressive: Make, strategy: str) -> None:
    def answer(seed: int) -> tuple[tuple[ScoredPrefix, ...], ...]:
        job = progressive(strategy, seed=seed, num_epochs=1)
        list(job)
        return tuple(job.beams)

    assert answer(0) == answer(0)
    assert answer(0) != answer(1)


@pytest.mark.slow
@BOTH
def test_strict_fair_sets_of_paths_are_trained_behind_a_prefix(progressive: Make, strategy: str) -> None:
    job = progressive(strategy, sampling="strict-fair")
    assert len(list(job)) == 2 * (STEPS + 3)
    assert all(math.isfinite(each.score) for beam in job.beams for each in beam)


@BOTH
def test_a_loss_that_is_not_finite_ends_all_and_names_the_place(progressive: Make, strategy: str) -> None:
    job = progressive(strategy)
    into_block_two(job)
    with torch.no_grad():
        for parameter in job.supernet.block(2).parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(
        NonFiniteLossError,
        match=r"^the loss of block 2 is nan in step 2 of block 2's training \(batch 2 of epoch 1, path 8:.*\); with "
        rf"distill.strategy={strategy} every block needs those before it, so none is kept; try a lower distill.lr",
    ):
        list(job)
    assert set(job.failures) == {1, 2}


def test_out_of_memory_names_the_batch_size_to_try(progressive: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    job = progressive("progressive-b")
    monkeypatch.setattr(distillation, "rate_extensions", fail)
    with pytest.raises(OutOfMemoryError, match=r"out of memory with distill.batch_size=8; try distill.batch_size=4"):
        list(job)


def test_training_does_not_touch_the_global_generator(progressive: Make) -> None:
    before = torch.get_rng_state()
    list(progressive("progressive-a"))
    assert torch.equal(torch.get_rng_state(), before)
