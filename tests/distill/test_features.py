"""The frozen teacher as a source: the batches of a step range, features without gradients, too large a batch."""

import pytest
import torch

from helixnas.data import ImageSet
from helixnas.distill import FeatureSource, FrozenTeacher
from helixnas.engine import Runtime
from helixnas.errors import ConfigError
from helixnas.teacher import Teacher


@pytest.fixture
def source(teacher: Teacher, images: ImageSet, runtime: Runtime) -> FrozenTeacher:
    return FrozenTeacher(teacher, images, batch_size=10, runtime=runtime, seed=0)


def test_a_frozen_teacher_is_a_feature_source(source: FrozenTeacher) -> None:
    assert isinstance(source, FeatureSource)
    assert source.steps_per_epoch == 2  # of 24 images in batches of 10


@pytest.mark.parametrize(("start", "end"), [(0, 5), (1, 2), (2, 5), (3, 4), (4, 4)])
def test_a_range_of_steps_is_a_part_of_the_whole(source: FrozenTeacher, start: int, end: int) -> None:
    whole = [view for (view,) in source.batches(0, 6)]
    part = [view for (view,) in source.batches(start, end)]
    assert len(part) == end - start
    assert all(torch.equal(a, b) for a, b in zip(part, whole[start:end], strict=True))
    assert not torch.equal(whole[0], whole[2])  # epochs differ in order and augmentation


def test_features_are_the_teachers_of_every_view_and_have_no_gradients(source: FrozenTeacher, teacher: Teacher) -> None:
    views = (torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))
    for view, found in zip(views, source.features(views), strict=True):
        assert not any(each.requires_grad for each in found)
        for own, expected in zip(found, teacher.features(view), strict=True):
            torch.testing.assert_close(own, expected)


def test_a_batch_larger_than_the_set_is_refused(teacher: Teacher, images: ImageSet, runtime: Runtime) -> None:
    with pytest.raises(ConfigError, match=r"distill.batch_size is 32, but there are only 24 training images; choose"):
        FrozenTeacher(teacher, images, batch_size=32, runtime=runtime, seed=0)


@pytest.mark.parametrize("size", [2, 5])
def test_processes_read_parts_of_each_batch_that_make_the_whole(
    teacher: Teacher, images: ImageSet, runtime: Runtime, size: int
) -> None:
    def views(part: tuple[int, int]) -> list[torch.Tensor]:
        source = FrozenTeacher(teacher, images, batch_size=10, runtime=runtime, seed=0, part=part)
        return [view for (view,) in source.batches(1, 4)]

    parts = [views((rank, size)) for rank in range(size)]
    for whole, *own in zip(views((0, 1)), *parts, strict=True):
        assert torch.equal(torch.cat(own), whole)
