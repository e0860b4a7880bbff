"""Items of a program's data set: images, classes, and what is said of others."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, Subset

from helixnas.data.given_items import as_class, as_image, class_of, listed_classes, listed_names, naming
from helixnas.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


class Listing(list[Any]):
    """A data set whose attributes are given."""

    def __init__(self, number: int = 3, **attributes: Any) -> None:
        super().__init__(range(number))
        vars(self).update(attributes)


@pytest.mark.parametrize(
    "item",
    [
        PIXELS,
        [PIXELS, 1],
        PIXELS.astype(np.int64),
        PIXELS.astype(np.int32).transpose(2, 0, 1),
        torch.from_numpy(PIXELS).long(),
        torch.from_numpy(PIXELS).permute(2, 0, 1).double() / 255,
        (torch.from_numpy(PIXELS) / 255).requires_grad_(),
    ],
)
def test_arrays_and_tensors_of_every_type_are_images(item: Any) -> None:
    assert np.array_equal(np.asarray(as_image(item)), PIXELS)


def test_bfloat16_is_an_image_as_exactly_as_it_can_be() -> None:
    found = np.asarray(as_image(torch.from_numpy(PIXELS).permute(2, 0, 1).bfloat16() / 255), dtype=np.int64)
    assert abs(found - PIXELS).max() <= 1


def test_grey_images_keep_their_values() -> None:
    assert as_image(np.full((4, 4, 1), 7, dtype=np.uint8)).getpixel((0, 0)) == 7


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_transparent_arrays_are_those_of_pillow(axes: tuple[int, ...]) -> None:
    pillow = Image.fromarray(PIXELS).convert("RGBA")
    assert as_image(np.asarray(pillow).transpose(axes)) == pillow


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (np.full((4, 4), np.nan), "pixels must be finite numbers"),
        (torch.full((3, 8, 8), torch.inf), "pixels must be finite numbers"),
        (np.full((4, 4), -1), "whole numbers from 0 to 255, not from -1 to -1"),
        (np.full((4, 4), 300), "whole numbers from 0 to 255, not from 300 to 300"),
        (np.zeros((4, 4), dtype=bool), "not bool"),
        (np.zeros((0, 4)), "must have pixels, but its shape is"),
        (np.zeros((5, 5, 2)), "1, 3 or 4 channels"),
        (("cat.jpg", 1), "an item must be an image or a pair .*, not str"),
        ((), "an item must be an image or a pair .*, not tuple"),
    ],
)
def test_what_is_no_image_is_refused(item: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        as_image(item)


def test_a_class_is_the_second_of_an_item() -> None:
    assert (class_of((PIXELS, np.int64(2), "more")), class_of([PIXELS]), class_of(PIXELS)) == (2, None, None)


@pytest.mark.parametrize(
    ("attributes", "classes"),
    [
        ({"targets": [0, 1, 2]}, [0, 1, 2]),
        ({"labels": np.array([0, 1, 2])}, [0, 1, 2]),
        ({"targets": torch.tensor([0, 1, 2]), "labels": [5, 5, 5]}, [0, 1, 2]),
        ({"targets": [0, 1]}, None),
        ({"targets": ["a", "b", "c"]}, None),
        ({"targets": [0, 1, 2], "target_transform": abs}, None),
        ({"targets": [0, 1, 2], "transforms": abs}, None),
        ({}, None),
    ],
)
def test_listed_classes_are_whole_numbers_for_every_item(attributes: dict[str, Any], classes: list[int] | None) -> None:
    dataset = Listing(**attributes)
    assert listed_classes(dataset) == classes
    if classes is not None:
        nested = Subset(Subset(dataset, [2, 1]), torch.tensor([1, 0]))
        assert listed_classes(ConcatDataset([dataset, nested])) == [*classes, 1, 2]
        assert listed_classes(ConcatDataset([dataset, Listing()])) is None
        assert listed_classes(Subset(dataset, [7])) is None


@pytest.mark.parametrize(
    ("classes", "names"), [(["a", "b"], ("a", "b")), ([("cat", "tom"), 7], ("cat, tom", "7")), (2, ()), (None, ())]
)
def test_listed_names_are_texts(classes: Any, names: tuple[str, ...]) -> None:
    dataset = Listing(classes=classes)
    assert listed_names(dataset) == names
    assert listed_names(ConcatDataset([Subset(dataset, [0]), dataset])) == names
    assert listed_names(ConcatDataset([dataset, Listing(classes=["z"])])) == ()
    assert listed_names(Listing(classes=classes, target_transform=abs)) == ()


def test_whatever_an_item_raises_names_it() -> None:
    with pytest.raises(DataError, match=r"item 3 of the images: it cannot be read: 'image' \(KeyError\)"), naming(3):
        raise KeyError("image")


def test_a_label_that_is_a_key_of_a_database_is_refused() -> None:
    assert as_class(999_999) == 999_999
    for wrong in (10**6, 2**70):
        with pytest.raises(
            DataError, match=r"the label [\d,]+ of an image is too large; number the classes 0, 1, 2, ..."
        ):
            as_class(wrong)
