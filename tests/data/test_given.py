"""Images that a program holds, as a source."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset

from helixnas.data import DataConfig, open_data
from helixnas.data.given import as_image, given_source, register_images
from helixnas.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6, 8, 3), dtype=np.uint8)


class Pairs(list[Any]):
    """A data set: a list of items."""

    targets: list[int] | None = None


def as_set(kind: str) -> Pairs:
    convert = {
        "pillow": Image.fromarray,
        "array": lambda pixels: pixels,
        "tensor": lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1),
        "floats": lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1) / 255,
    }[kind]
    return Pairs((convert(pixels), number % 2) for number, pixels in enumerate(PIXELS))


def test_the_same_images_have_one_name_in_whatever_form_they_come() -> None:
    names = {register_images(as_set(kind)) for kind in ("pillow", "array", "tensor", "floats")}
    assert len(names) == 1
    source = given_source(*names)
    assert (source.num_images, source.class_names) == (40, ("0", "1"))
    assert np.array_equal(np.asarray(source.read(7)), PIXELS[7])
    assert register_images(Pairs(as_set("array")[:-1])) not in names


def test_they_are_split_like_others() -> None:
    splits = open_data(DataConfig(name=register_images(as_set("tensor")), num_rating=8), image_size=8, seed=0)
    assert (len(splits.train), len(splits.rating), splits.num_classes) == (24, 8, 2)
    assert splits.evaluation is not None
    unlabelled = DataConfig(name=register_images(as_set("tensor")), num_rating=8, labels=False)
    assert open_data(unlabelled, image_size=8, seed=0).train.labels is None


def test_targets_of_another_length_are_not_the_labels() -> None:
    pairs = Pairs(as_set("array")[:20])
    pairs.targets = [0] * 40
    source = given_source(register_images(pairs))
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1] * 10


def test_batches_without_a_data_set_are_read_once() -> None:
    def batches() -> Any:
        for start in range(0, 40, 10):
            yield torch.from_numpy(PIXELS[start : start + 10]).permute(0, 3, 1, 2), torch.arange(10) % 2

    assert register_images(batches()) == register_images(as_set("array"))


def test_a_part_of_a_data_set_is_that_part() -> None:
    part = Subset(as_set("tensor"), range(10))
    source = given_source(register_images(DataLoader(part, batch_size=3)))
    assert source.num_images == 10
    assert source.title == register_images(part)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (3, "must be a folder, a torch Dataset or a DataLoader, not int"),
        ([], "the data set is empty"),
        (iter([]), "the loader gives no batch"),
        ([(torch.full((3, 4, 4), -2.0), 0)], "leave normalisation out of the data set's transforms"),
        ([(torch.zeros(5, 4, 4), 0)], "must have 1 or 3 channels"),
        ([(np.full((4, 4), 300), 0)], "whole numbers from 0 to 255"),
        ([(PIXELS[0], "cat")], "the label of an image must be a whole number from 0, .* not 'cat'"),
        ([(PIXELS[0], 1.5)], "the label of an image must be a whole number from 0, .* not 1.5"),
        ([(PIXELS[0], -1)], "the label of an image must be a whole number from 0, .* not -1"),
        ([(PIXELS[0], torch.zeros(3))], "the label of an image must be a whole number from 0"),
    ],
)
def test_other_things_are_refused(images: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        register_images(images)


def test_images_of_another_process_are_named() -> None:
    with pytest.raises(DataError, match="call it again with the same images to go on"):
        open_data(DataConfig(name="python/none"), image_size=8, seed=0)


def test_grey_images_keep_their_values() -> None:
    assert as_image(np.full((4, 4, 1), 7, dtype=np.uint8)).getpixel((0, 0)) == 7
