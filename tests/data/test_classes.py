"""Classes are matched by name; where there are no names, the numbers must agree and the order is said."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helixnas.data import ImageSet
from helixnas.data.classes import match_classes
from helixnas.errors import DataError


@pytest.fixture
def images(in_memory: Any) -> Any:
    def make(*names: str) -> ImageSet:
        labels = np.arange(6, dtype=np.int64) % len(names)
        found = in_memory(np.zeros((len(labels), 4, 4, 3), np.uint8), labels, title="photos")
        return replace(found, class_names=names)

    return make


def test_classes_in_another_order_get_the_models_indices(images: Any) -> None:
    found, told = match_classes(images("bird", "cat", "dog"), ("dog", "cat", "bird"), 3, name="mine")
    assert found.labels is not None
    assert found.labels.tolist() == [2, 1, 0, 2, 1, 0]
    assert found.class_names == ("dog", "cat", "bird")
    assert told == "3 classes, matched by name"


def test_a_part_of_the_classes_is_enough(images: Any) -> None:
    found, told = match_classes(images("c", "a"), ("a", "b", "c"), 3, name="mine")
    assert found.labels is not None
    assert found.labels.tolist() == [2, 0, 2, 0, 2, 0]
    assert told == "2 of the model's 3 classes, matched by name"


def test_an_unknown_class_is_named_even_if_the_numbers_agree(images: Any) -> None:
    message = r"mine does not predict 2 of the 3 classes of photos: cow, fox; it predicts cat, dog, bird"
    with pytest.raises(DataError, match=message):
        match_classes(images("cat", "cow", "fox"), ("cat", "dog", "bird"), 3, name="mine")


def test_an_assumed_order_is_said(images: Any) -> None:
    found, told = match_classes(images("a", "b", "c"), (), 3, name="mine")
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert told == "3 classes, assumed to be in the order a, b, c, since mine does not record the names of its classes"
    _, told = match_classes(images("0", "1"), ("cat", "dog"), 2, name="mine")
    assert told == "2 classes, assumed to be in the order cat, dog, since the classes of photos are numbers"
    with pytest.raises(DataError, match="mine predicts 4 classes, but photos has 3"):
        match_classes(images("a", "b", "c"), (), 4, name="mine")


def test_numbers_that_the_model_knows_as_names_are_matched(images: Any) -> None:
    found, told = match_classes(images("0", "1"), ("1", "0"), 2, name="mine")
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert told == "2 classes, matched by name"
