import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from helixnas.costs import cost_table
from helixnas.data import ImageSet
from helixnas.engine import Runtime, RuntimeConfig, load_checkpoint, save_checkpoint
from helixnas.engine.distributed.parallel import DataParallel
from helixnas.engine.gpu.graphs import CudaGraphs
from helixnas.errors import ConfigError, OutOfMemoryError
from helixnas.rating import RELATIVE_L1, SCORES, Rating, RatingConfig, rate_cell, relative_l1
from helixnas.space import SearchSpace
from helixnas.supernet import Interface, Supernet, SupernetCell
from helixnas.teacher import Teacher

MakeImages = Callable[[int], ImageSet]
Make = Callable[..., Rating]


@pytest.fixture
def rating(teacher: Teacher, supernet: Supernet, make_images: MakeImages, runtime: Runtime) -> Make:
    """Return a function that makes a rating; keywords are the settings."""

    def make(
        *,
        num_images: int = 20,
        supernet: Supernet = supernet,
        training_images: ImageSet | None = None,
        parallel: DataParallel | None = None,
        **settings: object,
    ) -> Rating:
        config = RatingConfig(**{"batch_size": 8, **settings})  # type: ignore[arg-type]
        images = make_images(num_images)
        return Rating(
            teacher,
            supernet,
            images,
            training_images=training_images,
            config=config,
            runtime=runtime,
            seed=0,
            parallel=parallel,
        )

    return make


def batches_of(rating: Rating) -> list[torch.Tensor]:
    """Return the images of a rating's batches, the whole set cut by its batch sizes."""
    (whole,) = rating.images.batches(batch_size=len(rating.images), seed=rating.seed, augment=False, shuffle=True)
    return list(whole.images.split(rating.batch_sizes))


@torch.no_grad()
def test_scores_are_those_of_each_path_on_its_own(rating: Make) -> None:
    job = rating()
    list(job)
    for table in job.tables():
        for column, images in enumerate(batches_of(job)):
            features = job.teacher.features(images)
            for row, (width, text) in enumerate(zip(table.previous_width.tolist(), table.path, strict=True)):
                block = job.supernet.block(table.block)
                cell = next(c for c in block if any(path.text == text for path in c.cell.paths()))
                path = next(path for path in cell.cell.paths() if path.text == text)
                expected = relative_l1(cell(features[table.block - 1], path, width), features[table.block])
                assert table.batches(RELATIVE_L1)[row, column] == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("interface", ["adapter", "widen"])
def test_every_score_is_kept_beside_the_others(
    rating: Make, supernet_of: Callable[[Interface], Supernet], interface: Interface
) -> None:
    alone, every = rating(supernet=supernet_of(interface)), rating(supernet=supernet_of(interface), scores=SCORES)
    list(alone), list(every)
    for one, table in zip(alone.tables(), every.tables(), strict=True):
        assert tuple(table.scores) == SCORES
        assert np.array_equal(one.batches(RELATIVE_L1), table.batches(RELATIVE_L1))
        assert all(np.isfinite(table.batches(name)).all() for name in SCORES)


@pytest.mark.parametrize("interface", ["adapter", "widen"])
def test_rows_are_those_of_the_cost_table(
    rating: Make, space: SearchSpace, supernet_of: Callable[[Interface], Supernet], interface: Interface
) -> None:
    job = rating(supernet=supernet_of(interface))
    list(job)
    costs = cost_table(space, image_size=8, num_classes=3)
    for table in job.tables():
        rows = costs.rows(table.block)
        assert table.previous_width.tolist() == costs.previous_width[rows].tolist()
        assert table.path == tuple(costs.path[row] for row in rows)
        assert table.width.tolist() == costs.width[rows].tolist()
        assert np.isfinite(table.batches(RELATIVE_L1)).all()


def test_widened_scores_do_not_depend_on_the_previous_width(
    rating: Make, supernet_of: Callable[[Interface], Supernet]
) -> None:
    job = rating(supernet=supernet_of("widen"))
    list(job)
    scores = job.tables()[1].batches(RELATIVE_L1)
    half = len(scores) // 2
    assert (scores[:half] == scores[half:]).all()


@pytest.mark.parametrize(
    ("num_images", "sizes"),
    [(16, [8, 8]), (20, [8, 8, 4]), (19, [8, 11]), (17, [8, 9]), (5, [5]), (8, [8]), (11, [11]), (12, [8, 4])],
)
def test_last_batch_that_is_small_joins_the_one_before(rating: Make, num_images: int, sizes: list[int]) -> None:
    for batch_norm in ("batch", "recalibrated") if len(sizes) > 1 else ("batch",):
        job = rating(num_images=num_images, batch_norm=batch_norm)
        records = list(job)
        assert [record.step for record in records] == list(range(1, len(sizes) * len(job.num_paths) + 1))
        assert job.batch_sizes == job.tables()[0].batch_sizes.tolist() == sizes


@pytest.mark.parametrize("batch_norm", ["batch", "recalibrated"])
def test_nothing_in_the_supernet_changes(rating: Make, supernet: Supernet, batch_norm: str) -> None:
    before, modes = copy.deepcopy(supernet.state_dict()), [part.training for part in supernet.modules()]
    list(rating(batch_norm=batch_norm))
    after = supernet.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert modes == [part.training for part in supernet.modules()]
    assert all(parameter.grad is None for parameter in supernet.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", ["batch", "recalibrated"])
@pytest.mark.parametrize("num_images", [19, 20])
@pytest.mark.parametrize("batches", [0.0, 0.4, 1.0, 1.6, 2.0])
def test_a_rating_stopped_in_or_after_a_batch_equals_the_uninterrupted_one(
    rating: Make, tmp_path: Path, batch_norm: str, num_images: int, batches: float
) -> None:
    whole, first, second = (rating(batch_norm=batch_norm, num_images=num_images, scores=SCORES) for _ in range(3))
    records, pieces, done = list(whole), len(whole.num_paths), int(batches)
    assert pieces > 2
    head = list(islice(first, int(batches * pieces)))
    save_checkpoint(tmp_path / "state.pt", first.state())
    second.restore(load_checkpoint(tmp_path / "state.pt", torch.device("cpu")))
    assert second.num_done == done
    assert [*head[: done * pieces], *second] == records
    for a, b in zip(whole.tables(), second.tables(), strict=True):
        assert np.array_equal(a.batches(RELATIVE_L1), b.batches(RELATIVE_L1))


@pytest.mark.parametrize("num_images", [16, 19, 20])
def test_finished_rating_has_nothing_left_to_do(rating: Make, num_images: int) -> None:
    job = rating(num_images=num_images)
    list(job)
    assert list(job) == []
    assert job.num_done == len(job.batch_sizes)


def test_recalibrated_batches_are_normalised_by_the_batch_before(rating: Make) -> None:
    job = rating(batch_norm="recalibrated", num_images=24)
    list(job)
    table, batches = job.tables()[0], batches_of(job)
    cell = next(iter(job.supernet.block(1)))
    path = next(cell.cell.paths())
    for number, images in enumerate(batches):
        features = job.teacher.features(images)
        others = job.teacher.features(batches[number - 1])  # the first batch takes the last
        scores = rate_cell(
            cell, features[0], 4, lambda y, target=features[1]: relative_l1(y, target), calibration=others[0]
        )
        assert table.batches(RELATIVE_L1)[table.row(4, path.text), number] == pytest.approx(scores[0].item(), abs=1e-6)


def test_recalibration_changes_the_scores(rating: Make) -> None:
    scores = list[np.ndarray]()
    for batch_norm in ("batch", "recalibrated"):
        job = rating(batch_norm=batch_norm)
        list(job)
        scores.append(job.tables()[0].mean(RELATIVE_L1))
    assert not np.allclose(*scores, rtol=1e-3)
    assert np.allclose(*scores, rtol=0.5)


def test_score_does_not_depend_on_the_order_of_images_in_a_batch(rating: Make) -> None:
    means = list[np.ndarray]()
    for order in (np.arange(12), np.random.default_rng(3).permutation(12)):
        job = rating(num_images=12, batch_size=12)
        job.images = replace(job.images, rows=job.images.rows[order])
        list(job)
        means.append(job.tables()[1].mean(RELATIVE_L1))
    np.testing.assert_allclose(*means, rtol=1e-5)


def test_images_are_shuffled_by_the_seed(rating: Make) -> None:
    job = rating()
    (unshuffled,) = job.images.batches(batch_size=20, seed=0, augment=False, shuffle=False)
    seen = list[torch.Tensor]()
    features = job.teacher.features_and_logits
    job.teacher.features_and_logits = lambda images: seen.append(images) or features(images)  # type: ignore[method-assign]
    list(job)
    assert torch.equal(torch.cat(seen), torch.cat(batches_of(job)))
    assert not torch.equal(torch.cat(seen), unshuffled.images)


def test_callers_gradients_stay_on_between_batches(rating: Make) -> None:
    for _ in rating():
        assert torch.is_grad_enabled()


def test_scores_of_a_batch_cover_every_path_after_every_width(rating: Make, space: SearchSpace) -> None:
    expected = space.blocks[0].num_paths + 2 * space.blocks[1].num_paths
    assert {record.num_paths for record in rating()} == {expected}


def test_recalibration_with_one_batch_is_refused(rating: Make) -> None:
    with pytest.raises(ConfigError, match=r"needs two batches, but 11 images make one of 8; choose a smaller"):
        rating(num_images=11, batch_norm="recalibrated")


def test_out_of_memory_names_the_batch_size_to_try(rating: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(SupernetCell, "entry", fail)
    with pytest.raises(OutOfMemoryError, match=r"out of memory with rating.batch_size=8; try rating.batch_size=4"):
        list(rating())


@pytest.mark.slow
def test_readouts_bring_every_path_nearer_and_a_restored_rating_finds_the_same(rating: Make, make_images) -> None:
    plain, whole, half = rating(), *(rating(readout="linear", training_images=make_images(40)) for _ in range(2))
    list(plain)
    records = list(whole)
    assert [record.step for record in records] == list(range(1, whole.num_steps + 1))
    assert whole.num_steps == 2 * 5 + 3 * len(whole.num_paths)
    for one, other in zip(plain.tables(), whole.tables(), strict=True):
        assert (other.mean(RELATIVE_L1) < one.mean(RELATIVE_L1)).all()
    list(islice(half, 2 * 5 + len(half.num_paths) + 1))
    state = half.state()
    resumed = rating(readout="linear", training_images=make_images(40))
    resumed.restore(state)
    list(resumed)
    for one, other in zip(whole.tables(), resumed.tables(), strict=True):
        assert np.array_equal(one.batches(RELATIVE_L1), other.batches(RELATIVE_L1))


class Recorded(DataParallel):
    """One of two processes that rate one after the other: the second knows what the first gave."""

    given: ClassVar[dict[int, list[torch.Tensor]]] = {}

    def gather(self, part: torch.Tensor) -> list[torch.Tensor]:
        """Return what both give, as far as it is known."""
        own = self.given.setdefault(self.rank, [])
        own.append(part)
        others = self.given.get(1 - self.rank, own)[len(own) - 1]
        return [part, others] if self.rank == 0 else [others, part]


@pytest.mark.parametrize("interface", ["adapter", "widen"])
@pytest.mark.parametrize("settings", [{"scores": SCORES}, {"batch_norm": "recalibrated"}, {"readout": "linear"}])
def test_two_processes_that_rate_together_have_the_bits_of_one(
    rating: Make,
    make_images: MakeImages,
    supernet_of: Callable[[Interface], Supernet],
    interface: Interface,
    settings: dict[str, object],
) -> None:
    supernet, images = supernet_of(interface), make_images(40) if "readout" in settings else None
    alone, *both = (
        rating(supernet=supernet, training_images=images, parallel=parallel, **settings)
        for parallel in (None, Recorded(1, 2), Recorded(0, 2))
    )
    Recorded.given.clear()
    for job in (alone, *both):
        list(job)
    assert {*both[0].owners.values()} == {0, 1}
    for one, other in zip(alone.tables(), both[1].tables(), strict=True):
        assert one.path == other.path
        assert all(np.array_equal(one.batches(name), other.batches(name)) for name in one.scores)


def test_readouts_need_training_images(rating: Make) -> None:
    with pytest.raises(ConfigError, match=r"rating.readout=linear needs training images"):
        rating(readout="linear")


def test_scores_by_graphs_are_those_of_plain_calls(
    rating: Make, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for CUDA graphs repeats the call instead of the recorded kernels."""
    plain = rating()
    list(plain)

    def record(run: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, Callable[[], object]]:
        output = torch.full_like(run(), float("nan"))
        return output, lambda: output.copy_(run())

    graphs = CudaGraphs(record)  # pyright: ignore[reportArgumentType] - what the replay returns is not used
    monkeypatch.setattr("helixnas.rating.loop.CudaGraphs", lambda: graphs)
    monkeypatch.setattr(runtime, "cuda_graphs", True)
    job = rating()
    list(job)
    for ours, theirs in zip(job.tables(), plain.tables(), strict=True):
        assert np.array_equal(ours.scores[RELATIVE_L1], theirs.scores[RELATIVE_L1])
    assert len(graphs._recorded) > 8


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_rates_by_graphs_as_by_plain_calls(
    teacher: Teacher, supernet: Supernet, make_images: MakeImages, precision: Any
) -> None:
    scores: list[np.ndarray] = []
    for graphs in (False, True):
        runtime = Runtime(RuntimeConfig(device="cuda", precision=precision, cuda_graphs=graphs))
        parts = [runtime.place(copy.deepcopy(part)) for part in (teacher, supernet)]
        job = Rating(*parts, make_images(20), config=RatingConfig(batch_size=8), runtime=runtime, seed=0)
        list(job)
        scores.append(np.concatenate([table.scores[RELATIVE_L1] for table in job.tables()]))
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)
