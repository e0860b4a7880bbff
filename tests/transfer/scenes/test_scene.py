"""Boxes are cut off at the edges of their image, or refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from helixnas.errors import DataError
from helixnas.transfer.scenes.reading import open_scenes
from helixnas.transfer.scenes.scene import boxes_inside, no_boxes, require_split


def inside(corners: list[list[float]]) -> np.ndarray:
    number = len(corners)
    given = (np.array(corners), np.zeros(number, np.int64), np.zeros(number, bool))
    return boxes_inside(*given, width=10, height=8, where=lambda index: f"box {index}").corners


def test_boxes_are_cut_off_at_the_edges() -> None:
    assert inside([[-3, 2, 4, 20], [1, 1, 2, 2]]).tolist() == [[0, 2, 4, 8], [1, 1, 2, 2]]


@pytest.mark.parametrize("box", [[11, 0, 14, 5], [3, 3, 3, 6], [5, 5, 4, 6], [0, -9, 5, 0]])
def test_a_box_without_area_inside_the_image_is_refused(box: list[float]) -> None:
    with pytest.raises(DataError, match=r"box 1: the box .* has no area inside the image of 10 x 8 pixels"):
        inside([[0, 0, 1, 1], box])


def test_an_image_may_have_no_boxes() -> None:
    assert inside([]).shape == no_boxes().corners.shape == (0, 4)


def test_a_missing_split_names_those_that_exist() -> None:
    with pytest.raises(DataError, match="it has no split 'test'; there are: train, val"):
        require_split(False, "test", ("train", "val"), "it")


@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_the_fingerprint_changes_with_every_file_and_class_but_not_with_the_place(
    task: str, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue("masks" if task == "segmentation" else "objects")

    def fingerprint() -> str:
        return open_scenes(root, task=task, split="train").fingerprint()

    first = fingerprint()
    root = root.rename(root.parent / "moved")
    assert fingerprint() == first
    seen = {first}
    for file in (
        "JPEGImages/train3.jpg",
        "SegmentationClass/train3.png" if task == "segmentation" else "Annotations/train3.xml",
    ):
        os.utime(root / file, ns=(0, 0))
        seen.add(fingerprint())
    names = open_scenes(root, task=task, split="train").class_names
    (root / "classes.txt").write_text("\n".join(reversed(names)))
    seen.add(fingerprint())
    (root / "JPEGImages/val0.jpg").write_bytes(b"of another split")
    assert fingerprint() in seen
    assert len(seen) == 4
