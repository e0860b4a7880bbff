from dataclasses import replace
from functools import partial

import pytest
import torch

from helixnas.data import ImageSet
from helixnas.data.source import read_array
from helixnas.distill import FeatureSource, LearningTeacher
from helixnas.engine import Runtime
from helixnas.errors import ConfigError
from helixnas.teacher import Teacher


@pytest.fixture
def varied(images: ImageSet) -> ImageSet:
    return images.with_augmentation("flip-crop")


@pytest.fixture
def source(learner: Teacher, varied: ImageSet, runtime: Runtime) -> LearningTeacher:
    return LearningTeacher(learner, varied, batch_size=10, runtime=runtime, seed=0)


def test_it_is_a_feature_source(source: LearningTeacher) -> None:
    assert isinstance(source, FeatureSource)
    assert source.steps_per_epoch == 2


@pytest.mark.parametrize(("start", "end"), [(0, 5), (1, 2), (2, 5), (3, 4), (4, 4)])
def test_a_range_of_steps_is_a_part_of_the_whole(source: LearningTeacher, start: int, end: int) -> None:
    whole, part = list(source.batches(0, 6)), list(source.batches(start, end))
    assert len(part) == end - start
    for own, expected in zip(part, whole[start:end], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(own, expected, strict=True))


def test_views_are_two_augmentations_of_the_same_images(source: LearningTeacher, images: ImageSet) -> None:
    first, second = next(source.batches(0, 1))
    assert not torch.equal(first, second)
    plain = LearningTeacher(
        source.teacher, images.with_augmentation("none"), batch_size=10, runtime=source.runtime, seed=0
    )
    one, other = next(plain.batches(0, 1))
    assert torch.equal(one, other)


@pytest.mark.slow
def test_views_for_a_gpu_do_not_depend_on_random_numbers_drawn_meanwhile(
    source: LearningTeacher, images: ImageSet, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = images.store
    read = replace(store.source, read=partial(read_array, store.pixels))
    varied = replace(images, store=replace(store, source=read, augmentation="two-view"))
    source = LearningTeacher(source.teacher, varied, batch_size=4, runtime=runtime, seed=0)
    expected = list(source.batches(0, 6))
    monkeypatch.setattr("helixnas.engine.runtime._pinned", lambda batch: batch)
    runtime.device = torch.device("cuda")
    for views, own in zip(source.batches(0, 6), expected, strict=True):
        for _ in range(500):
            torch.manual_seed(1)
        assert all(torch.equal(one, two) for one, two in zip(views, own, strict=True))


def test_another_seed_gives_other_views(source: LearningTeacher, varied: ImageSet) -> None:
    other = LearningTeacher(source.teacher, varied, batch_size=10, runtime=source.runtime, seed=1)
    assert not torch.equal(next(source.batches(0, 1))[0], next(other.batches(0, 1))[0])


def test_features_carry_gradients_to_their_own_block_only(source: LearningTeacher) -> None:
    views = next(source.batches(0, 1))
    (_, y_1, y_2), _ = source.features(views)
    y_2.sum().backward()
    first, second = source.teacher.model.get_submodule("0"), source.teacher.model.get_submodule("1")
    assert all(parameter.grad is None for parameter in first.parameters())
    assert all(parameter.grad is not None for parameter in second.parameters())
    assert y_1.requires_grad


def test_dropout_in_the_teacher_depends_on_seed_and_step_alone(source: LearningTeacher) -> None:
    source.teacher.model.get_submodule("0").append(torch.nn.Dropout(0.5))
    views = next(source.batches(0, 1))
    first = source.features(views)[0][1]
    torch.rand(3)
    assert torch.equal(source.features(views)[0][1], first)
    source.step = 1
    assert not torch.equal(source.features(views)[0][1], first)


def test_a_frozen_teacher_is_refused(teacher: Teacher, images: ImageSet, runtime: Runtime) -> None:
    with pytest.raises(ConfigError, match="needs detach_boundaries=True"):
        LearningTeacher(teacher, images, batch_size=8, runtime=runtime, seed=0)
