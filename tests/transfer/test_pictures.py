"""Classes and boxes are drawn where they are."""

import numpy as np
import torch
from PIL import Image

from helixnas.transfer.pictures import VOID_COLOR, as_image, class_color, side_by_side, with_boxes, with_classes


def test_a_picture_has_the_values_of_its_image() -> None:
    picture = as_image(torch.stack([torch.full((2, 3), value) for value in (0.0, 0.5, 1.0)]))
    assert picture.size == (3, 2)
    assert picture.getpixel((0, 0)) == (0, 128, 255)


def test_classes_have_colours_and_void_is_dark() -> None:
    image = Image.new("RGB", (3, 1), VOID_COLOR)
    drawn = np.asarray(with_classes(image, np.array([[0, 1, -100]]), 2))
    assert drawn[0, 2].tolist() == [0, 0, 0]
    assert drawn[0, 0].tolist() != drawn[0, 1].tolist()
    assert len({class_color(index) for index in range(30)}) == 30


def test_boxes_are_drawn_with_scores_from_one_half_on() -> None:
    image = Image.new("RGB", (60, 60))
    corners, labels = np.array([[5, 5, 20, 20], [30, 30, 50, 50]]), np.array([0, 0])
    drawn = np.asarray(with_boxes(image, corners, labels, ("cell",), np.array([0.9, 0.3])))
    assert drawn[5, 10].tolist() == list(class_color(0))
    assert not drawn[28:, 28:].any()
    assert np.asarray(with_boxes(image, corners, labels, ("cell",)))[30, 40].any()


def test_pictures_stand_in_a_row() -> None:
    row = side_by_side([Image.new("RGB", (10, 5), color) for color in ("red", "green", "blue")])
    assert row.size == (38, 5)
    assert row.getpixel((30, 2)) == (0, 0, 255)
