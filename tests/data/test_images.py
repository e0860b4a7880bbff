"""ImageSet: batches are a function of seed, epoch, sample and view, however they are made."""

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helixnas.data import Batch, DataConfig, ImageSet, open_data
from helixnas.errors import DataError

AUGMENTATIONS = ["none", "shift", "flip-crop", "imagenet", "two-view"]


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return open_data(DataConfig(name="digits", num_rating=200), image_size=16, seed=0).train


def _train(root: Path, **settings: Any) -> ImageSet:
    config = DataConfig(root=str(root), **({"num_rating": 2, "evaluation_share": 0.1} | settings))
    return open_data(config, image_size=16, seed=0).train


def _epoch(images: ImageSet, **settings: Any) -> list[Batch]:
    return list(images.batches(**({"batch_size": 5, "seed": 3, "augment": True, "shuffle": True} | settings)))


def _same(ours: list[Batch], theirs: list[Batch]) -> bool:
    return len(ours) == len(theirs) and all(
        torch.equal(our.images, their.images) and torch.equal(our.indices, their.indices)
        for our, their in zip(ours, theirs, strict=True)
    )


def test_batches_have_the_promised_form(digits: ImageSet) -> None:
    (batch,) = itertools.islice(digits.batches(batch_size=32, seed=0, augment=True, shuffle=True), 1)
    assert batch.images.shape == (32, 3, 16, 16)
    assert batch.images.dtype == torch.float32
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.images.min() == 0
    assert batch.images.max() <= 1
    assert torch.equal(batch.images[:, 0], batch.images[:, 2])
    assert batch.labels is not None
    assert digits.labels is not None
    assert batch.labels.tolist() == digits.labels[batch.indices.numpy()].tolist()


def test_an_epoch_shows_every_image_once(digits: ImageSet) -> None:
    batches = _epoch(digits, batch_size=100)
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(len(digits)))
    assert len(batches) == digits.num_batches(100, drop_last=False) == 13
    assert len(_epoch(digits, batch_size=100, drop_last=True)) == digits.num_batches(100, drop_last=True) == 12


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
@pytest.mark.parametrize("cache", ["auto", False])
def test_skipping_gives_the_later_batches_bit_for_bit(make_images: Any, augmentation: str, cache: Any) -> None:
    images = _train(make_images(count=9), augmentation=augmentation, cache=cache)
    assert _same(_epoch(images, epoch=2, skip=2), _epoch(images, epoch=2)[2:])
    assert _epoch(images, skip=99) == []


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_images_depend_neither_on_the_cache_nor_on_the_workers(make_images: Any, augmentation: str) -> None:
    root = make_images(count=7, size=24)
    one, two, three = (
        _epoch(_train(root, augmentation=augmentation, cache=cache, num_workers=workers))
        for cache, workers in (("auto", 0), (False, 0), (False, 2))
    )
    assert _same(one, two)
    assert _same(one, three)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_a_sample_looks_the_same_in_a_subset_and_in_another_batch_size(make_images: Any, augmentation: str) -> None:
    images = _train(make_images(count=9), augmentation=augmentation)
    by_position = {
        int(position): image
        for batch in _epoch(images, batch_size=3)
        for position, image in zip(batch.indices, batch.images, strict=True)
    }
    (chosen,) = _epoch(images.subset([7, 2, 5]), batch_size=3)
    for position, image in zip(chosen.indices, chosen.images, strict=True):
        assert torch.equal(image, by_position[[7, 2, 5][int(position)]])


@pytest.mark.parametrize("augmentation", ["shift", "flip-crop", "imagenet", "two-view"])
def test_epochs_and_views_vary_the_images_and_views_keep_the_order(make_images: Any, augmentation: str) -> None:
    images = _train(make_images(count=9), augmentation=augmentation)
    first, view, later = _epoch(images), _epoch(images, view=1), _epoch(images, epoch=1)
    assert all(torch.equal(a.indices, b.indices) for a, b in zip(first, view, strict=True))
    assert not _same(first, view)
    assert not torch.equal(first[0].indices, later[0].indices)


def test_without_augmentation_epoch_and_view_change_nothing_but_the_order(digits: ImageSet) -> None:
    plain = {"augment": False, "shuffle": False, "batch_size": 500}
    assert _same(_epoch(digits, **plain), _epoch(digits, **plain, epoch=4, view=2))


def test_shifted_digits_are_not_mirrored_and_flipped_ones_are(make_images: Any) -> None:
    root = make_images(count=9)
    plain = _epoch(_train(root), augment=False, batch_size=16)[0].images
    for augmentation, flips in (("shift", False), ("flip-crop", True)):
        shown = _epoch(_train(root, augmentation=augmentation), batch_size=16)[0].images
        mirrored = 0
        for image, original in zip(shown, plain, strict=True):
            padded = torch.nn.functional.pad(original, (2, 2, 2, 2))
            windows = [padded[:, y : y + 16, x : x + 16] for y in range(5) for x in range(5)]
            straight = any(torch.equal(image, window) for window in windows)
            assert straight or any(torch.equal(image, window.flip(2)) for window in windows)
            mirrored += not straight
        assert (mirrored > 0) is flips


def test_images_do_not_depend_on_the_global_generators(make_images: Any) -> None:
    images = _train(make_images(), augmentation="imagenet")
    before = _epoch(images)
    random.seed(99)
    torch.manual_seed(99)
    assert _same(before, _epoch(images))


def test_a_number_as_subset_is_spread_over_the_classes(digits: ImageSet) -> None:
    part = digits.subset(100)
    assert part.labels is not None
    assert len(part) == 100
    assert abs(np.bincount(part.labels) - 10).max() <= 1
    assert part.subset([0, 1]).labels is not None


def test_a_subset_outside_the_set_is_an_error(digits: ImageSet) -> None:
    with pytest.raises(DataError, match="cannot take 2,000 images: the training set has 1,238"):
        digits.subset(2000)
    with pytest.raises(DataError, match="positions in the training set must be 0 to 1,237, and at least one"):
        digits.subset([1238])
    with pytest.raises(DataError, match="at least one"):
        digits.subset([])


def test_a_batch_larger_than_the_set_is_an_error_when_the_last_is_dropped(digits: ImageSet) -> None:
    with pytest.raises(DataError) as caught:
        digits.batches(batch_size=2000, seed=0, augment=False, shuffle=False, drop_last=True)
    assert str(caught.value) == (
        "a batch of 2,000 is larger than the 1,238 training images of digits; choose at most 1,238"
    )
    assert len(_epoch(digits, batch_size=2000)) == 1


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_parts_of_every_batch_are_those_images_of_the_whole_batch(make_images: Any, augmentation: str) -> None:
    images = _train(make_images(count=9), augmentation=augmentation, cache=False)
    whole = _epoch(images, batch_size=3, epoch=1, drop_last=True)
    parts = [_epoch(images, batch_size=3, epoch=1, drop_last=True, part=(number, 3)) for number in range(3)]
    assert len(whole) > 0
    for every, *own in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([each.images for each in own]), every.images)
        assert torch.cat([each.indices for each in own]).tolist() == every.indices.tolist()


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"skip": -1}, {"epoch": -1}, {"seed": -1}, {"view": -1}])
def test_negative_numbers_are_an_error_at_once(digits: ImageSet, wrong: dict[str, int]) -> None:
    with pytest.raises(
        DataError, match="batch_size must be at least 1, and seed, epoch, skip and view must not be negative"
    ):
        digits.batches(**({"batch_size": 5, "seed": 3, "augment": True, "shuffle": True} | wrong))


def test_labels_needed_but_absent_name_the_purpose(make_images: Any) -> None:
    root = make_images(classes=("",))
    with pytest.raises(DataError) as caught:
        _train(root).require_labels("retraining")
    assert str(caught.value) == (
        f"retraining needs labels, and the training images of {root} have none; use one folder per class and "
        "data.labels=true"
    )


def test_labels_needed_and_present_are_returned(digits: ImageSet) -> None:
    assert digits.require_labels("retraining") is digits.labels


@pytest.mark.gpu
def test_images_on_the_device_are_those_on_the_cpu(digits: ImageSet) -> None:
    ours, theirs = _epoch(digits, batch_size=512), _epoch(digits, batch_size=512, device="cuda")
    for our, their in zip(ours, theirs, strict=True):
        assert their.images.device.type == "cuda"
        assert their.images.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(their.images.cpu(), our.images, rtol=2e-7, atol=0)
        assert their.labels is not None
        assert our.labels is not None
        assert torch.equal(their.labels.cpu(), our.labels)


@pytest.mark.gpu
def test_a_batch_is_pinned_with_its_labels(digits: ImageSet) -> None:
    batch = _epoch(digits)[0]
    pinned = batch.pin_memory()
    assert pinned.images.is_pinned()
    assert torch.equal(pinned.images, batch.images)
    assert pinned.labels is not None
    assert pinned.labels.is_pinned()
