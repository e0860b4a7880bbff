from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import helixnas.rating.stitching as stitching_module
from helixnas.data import ImageSet
from helixnas.engine import Runtime, load_checkpoint, save_checkpoint
from helixnas.errors import OutOfMemoryError
from helixnas.rating import Stitching, StitchingConfig, stitched_features
from helixnas.rating.path_scores import kl_divergence
from helixnas.rating.stitching import sample_distinct
from helixnas.space import SearchSpace
from helixnas.supernet import Interface, Supernet
from helixnas.teacher import Teacher

MakeImages = Callable[[int], ImageSet]
Make = Callable[..., Stitching]


@pytest.fixture
def stitching(
    teacher: Teacher, supernet: Supernet, space: SearchSpace, make_images: MakeImages, runtime: Runtime
) -> Make:
    """Return a function that makes a stitching check; keywords are the settings."""

    def make(*, available: int = 24, seed: int = 0, **settings: int) -> Stitching:
        config = StitchingConfig(**{"num_architectures": 5, "batch_size": 8, **settings})
        return Stitching(teacher, supernet, space, make_images(available), config=config, runtime=runtime, seed=seed)

    return make


@pytest.mark.parametrize("interface", ["adapter", "widen"])
@torch.no_grad()
def test_stitched_features_are_the_blocks_composed_by_hand(
    teacher: Teacher, space: SearchSpace, supernet_of: Callable[[Interface], Supernet], interface: Interface
) -> None:
    supernet, images = supernet_of(interface), torch.rand(4, 3, 8, 8)
    architecture = space.parse("6:mb2_k5 8:mb2_k3,mb2_k5")
    first, second = architecture.paths
    small, large = list(supernet.block(1))[1], next(iter(supernet.block(2)))
    expected = large(small(teacher.normalize(images), first, 4), second, 6)
    assert torch.equal(stitched_features(teacher, supernet, space, architecture, images), expected)


@torch.no_grad()
def test_each_network_is_evaluated_with_the_teachers_own_head(stitching: Make) -> None:
    job = stitching(available=16, num_architectures=1)
    (record,) = job
    (whole,) = job.images.batches(batch_size=16, seed=0, epoch=1, augment=False, shuffle=True)
    divergence, right = 0.0, 0
    assert whole.labels is not None
    for images, labels in zip(whole.images.split(8), whole.labels.split(8), strict=True):
        features = stitched_features(job.teacher, job.supernet, job.space, record.architecture, images)
        logits = job.teacher.model[4](F.adaptive_avg_pool2d(features, 1).flatten(1))  # type: ignore[index, operator]
        divergence += kl_divergence(logits, job.teacher(images)).item() / 2
        right += int((logits.argmax(1) == labels).sum())
    assert record.divergence == pytest.approx(divergence, rel=1e-5)
    assert record.accuracy == right / 16


def test_perfect_copy_of_the_teacher_diverges_by_nothing(stitching: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    job = stitching(num_architectures=1)
    monkeypatch.setattr(stitching_module, "stitched_features", lambda teacher, *rest: teacher.features(rest[-1])[-1])
    (record,) = job
    assert record.divergence == pytest.approx(0, abs=1e-7)


def test_architectures_are_distinct_members_of_the_space(space: SearchSpace) -> None:
    drawn = sample_distinct(space, 20, np.random.default_rng(0))
    assert len(set(drawn)) == 20
    assert all(architecture in space for architecture in drawn)
    assert drawn == sample_distinct(space, 20, np.random.default_rng(0))


def test_a_small_space_is_taken_whole(space: SearchSpace) -> None:
    assert len(sample_distinct(space, 10_000, np.random.default_rng(0))) == space.size == 36


def test_seed_decides_architectures(stitching: Make) -> None:
    assert stitching().architectures == stitching().architectures
    assert stitching().architectures != stitching(seed=1).architectures


def test_resumed_check_equals_the_uninterrupted_one(stitching: Make, tmp_path: Path) -> None:
    whole, first, second = stitching(), stitching(), stitching()
    records = list(whole)
    head = list(islice(first, 2))
    save_checkpoint(tmp_path / "state.pt", first.state())
    second.restore(load_checkpoint(tmp_path / "state.pt", torch.device("cpu")))
    assert [*head, *second] == records
    assert second.records == records
    assert list(second) == []


@pytest.mark.parametrize(
    ("available", "limit", "batch_size", "used"), [(24, 16, 8, 16), (20, 1024, 8, 16), (5, 1024, 8, 5), (24, 4, 8, 4)]
)
def test_at_most_the_images_there_are_are_used_in_full_batches(
    stitching: Make, monkeypatch: pytest.MonkeyPatch, available: int, limit: int, batch_size: int, used: int
) -> None:
    job = stitching(available=available, num_images=limit, num_architectures=1, batch_size=batch_size)
    seen = list[int]()
    original = job.teacher.features_and_logits
    monkeypatch.setattr(job.teacher, "features_and_logits", lambda images: seen.append(len(images)) or original(images))
    list(job)
    assert sum(seen) == used


def test_accuracy_needs_labels_of_the_teachers_classes(stitching: Make) -> None:
    job = stitching(num_architectures=1)
    object.__setattr__(job.images, "class_names", tuple("abcdefg"))
    (record,) = job
    assert record.accuracy is None
    assert record.divergence > 0


def test_check_of_no_architectures_does_nothing(stitching: Make) -> None:
    assert list(stitching(num_architectures=0)) == []


def test_nothing_in_supernet_or_teacher_changes(stitching: Make) -> None:
    job = stitching()
    before = {name: value.clone() for part in (job.teacher, job.supernet) for name, value in part.state_dict().items()}
    list(job)
    after = {name: value for part in (job.teacher, job.supernet) for name, value in part.state_dict().items()}
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_out_of_memory_names_the_batch_size_to_try(stitching: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(stitching_module, "stitched_features", fail)
    with pytest.raises(OutOfMemoryError, match=r"with stitching.batch_size=8; try stitching.batch_size=4"):
        list(stitching())
