"""Training loops accept any labelled images of this form, the package's own included."""

from types import SimpleNamespace

import pytest
import torch

from helixnas.data import DataConfig, open_images
from helixnas.engine.batches import LabelledBatch, LabelledImages, is_thread_safe, require_labels
from helixnas.errors import DataError


class Endless:
    """The least that a training loop needs."""

    num_classes = 2

    def __len__(self) -> int:
        return 1

    def num_batches(self, batch_size: int, *, drop_last: bool) -> int:
        return 1

    def batches(self, **settings: object) -> list[object]:
        return []


def test_image_sets_and_their_batches_have_the_form() -> None:
    images = open_images(DataConfig(name="digits"), image_size=8)
    assert isinstance(images, LabelledImages)
    (batch,) = images.subset(4).batches(batch_size=4, seed=0, augment=False, shuffle=False)
    assert isinstance(batch, LabelledBatch)


def test_the_least_that_a_loop_needs_is_enough() -> None:
    assert isinstance(Endless(), LabelledImages)


def test_other_objects_do_not_have_the_form() -> None:
    assert not isinstance(SimpleNamespace(images=torch.zeros(1)), LabelledBatch)
    assert not isinstance([], LabelledImages)


def test_labels_are_returned_or_the_purpose_is_named() -> None:
    labels = torch.tensor([1, 0])
    assert require_labels(labels, "the accuracy") is labels
    with pytest.raises(DataError, match="^the accuracy needs labels, and the images have none$"):
        require_labels(None, "the accuracy")


@pytest.mark.parametrize(
    ("augmentation", "num_workers", "expected"), [("shift", 0, True), ("imagenet", 0, False), ("imagenet", 1, True)]
)
def test_images_varied_by_global_generators_are_read_by_the_thread_that_trains(
    augmentation: str, num_workers: int, expected: bool
) -> None:
    data = DataConfig(name="digits", augmentation=augmentation, num_workers=num_workers)
    assert is_thread_safe(open_images(data, image_size=8)) is expected
    assert not is_thread_safe(Endless())
