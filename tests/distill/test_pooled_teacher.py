"""Distillation from a pool: the images and, up to half precision, the losses of a teacher that runs in every step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helixnas.data import ImageSet
from helixnas.distill import (
    Distillation,
    DistillConfig,
    FeaturePool,
    FeatureSource,
    FrozenTeacher,
    PooledTeacher,
    StepRecord,
    build_distillation,
)
from helixnas.distill.pooled_teacher import PooledFeatures
from helixnas.engine import Runtime
from helixnas.errors import ConfigError
from helixnas.space import SearchSpace
from helixnas.supernet import SupernetConfig, build_supernet
from helixnas.teacher import Teacher


@pytest.fixture
def varied(images: ImageSet) -> ImageSet:
    return images.with_augmentation("flip-crop")


@pytest.fixture
def pool(teacher: Teacher, varied: ImageSet, runtime: Runtime, tmp_path: Path) -> FeaturePool:
    """Return a filled pool with a view for each of three epochs."""
    made = FeaturePool(tmp_path, teacher, varied, num_views=3, batch_size=8, runtime=runtime, seed=5)
    made.fill()
    return made


def losses(records: list[StepRecord]) -> torch.Tensor:
    return torch.tensor([list(record.losses.values()) for record in records])


@pytest.fixture
def make(space: SearchSpace, teacher: Teacher, varied: ImageSet, runtime: Runtime) -> Any:
    """Return a function that makes a distillation of a fresh supernet, with a pool or without."""

    def build(pool: FeaturePool | None, **chosen: Any) -> Distillation:
        supernet = runtime.place(build_supernet(space, teacher.widths, config=SupernetConfig(), seed=0))
        config = DistillConfig(num_epochs=3, batch_size=8)
        return build_distillation(
            teacher, supernet, varied, config=config, runtime=runtime, seed=5, pool=pool, **chosen
        )

    return build


def test_a_view_per_epoch_shows_what_the_teacher_sees_in_the_same_order(
    pool: FeaturePool, teacher: Teacher, varied: ImageSet, runtime: Runtime
) -> None:
    pooled = PooledTeacher(pool, varied, batch_size=8, seed=5)
    frozen = FrozenTeacher(teacher, varied, batch_size=8, runtime=runtime, seed=5)
    assert isinstance(pooled, FeatureSource)
    assert pooled.steps_per_epoch == frozen.steps_per_epoch == 3
    for ours, theirs in zip(pooled.batches(1, 9), frozen.batches(1, 9), strict=True):
        (found,), (expected,) = pooled.features(ours), frozen.features(theirs)
        assert len(found) == len(expected) == 3
        assert torch.equal(found[0], expected[0])
        for own, other in zip(found[1:], expected[1:], strict=True):
            torch.testing.assert_close(own, other, rtol=2e-3, atol=2e-3)


def test_with_fewer_views_than_epochs_they_come_again_in_another_order(pool: FeaturePool, varied: ImageSet) -> None:
    pooled = PooledTeacher(pool, varied, batch_size=8, seed=5)
    rows = [row for (row,) in pooled.batches(0, 12)]
    first, fourth = torch.cat(rows[:3]), torch.cat(rows[9:])
    assert first.sort().values.tolist() == fourth.sort().values.tolist() == list(range(24))
    assert not torch.equal(first, fourth)
    assert torch.cat(rows[3:6]).min() == 24


def test_processes_read_parts_of_each_batch_that_make_the_whole(pool: FeaturePool, varied: ImageSet) -> None:
    parts = [
        [r for (r,) in PooledTeacher(pool, varied, batch_size=8, seed=5, part=(k, 2)).batches(2, 7)] for k in (0, 1)
    ]
    whole = [rows for (rows,) in PooledTeacher(pool, varied, batch_size=8, seed=5).batches(2, 7)]
    assert all(torch.equal(torch.cat(pair), rows) for *pair, rows in zip(*parts, whole, strict=True))


def test_losses_are_those_of_a_running_teacher_up_to_half_precision(make: Any, pool: FeaturePool) -> None:
    with_pool, without = list(make(pool)), list(make(None))
    assert [record.num_images for record in with_pool] == [8] * 9
    torch.testing.assert_close(losses(with_pool), losses(without), rtol=2e-3, atol=1e-4)


def test_the_teacher_does_not_run(
    make: Any, pool: FeaturePool, teacher: Teacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "features", None)
    assert len(list(make(pool))) == 9


def test_only_the_features_that_are_used_are_read_and_each_once(
    pool: FeaturePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, original = list[int](), FeaturePool.read
    monkeypatch.setattr(FeaturePool, "read", lambda self, k, rows: read.append(k) or original(self, k, rows))
    features = PooledFeatures(pool, np.arange(4))
    assert features[2] is features[-1]
    assert read == [2]
    assert len(features[:2]) == 2
    assert read == [2, 0, 1]


def test_a_block_and_a_cell_alone_and_a_resumed_job_have_the_losses_of_the_whole(make: Any, pool: FeaturePool) -> None:
    whole = make(pool)
    records, states = list[StepRecord](), list[Any]()
    for record in whole:
        records.append(record)
        states.append(whole.state() if record.step == 4 else None)
        if record.step == 4:
            break
    resumed = make(pool)
    resumed.restore(states[3])
    rest = list(resumed)
    every = list(make(pool))
    assert [dict(each.losses) for each in every] == [dict(each.losses) for each in records + rest]
    alone = list(make(pool, blocks=(1,), cell=1))
    assert [each.losses[1, 1] for each in alone] == [each.losses[1, 1] for each in every]


def test_a_cache_needs_a_fixed_teacher_and_no_more_views_than_epochs() -> None:
    with pytest.raises(
        ConfigError, match=r"^distill.feature_cache=2 holds .*; distill.objective=self-supervised needs dist"
    ):
        DistillConfig(feature_cache=2, objective="self-supervised")
    with pytest.raises(ConfigError, match=r"distill.strategy=progressive-a needs distill.feature_cache=0$"):
        DistillConfig(feature_cache=2, strategy="progressive-a")
    with pytest.raises(ConfigError, match=r"^distill.feature_cache=3 is more than distill.num_epochs=2; .* at most 2$"):
        DistillConfig(feature_cache=3, num_epochs=2)
