"""The layout of ADE20K: class 0 is void, the others count from 1."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helixnas.errors import DataError
from helixnas.transfer.scenes.ade20k import is_ade20k, read_ade20k
from helixnas.transfer.scenes.images import read_mask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for kind in ("images", "annotations"):
        for split in ("training", "validation"):
            (tmp_path / kind / split).mkdir(parents=True)
    Image.new("RGB", (4, 2)).save(tmp_path / "images/training/a.jpg")
    Image.fromarray(np.array([[0, 1, 2, 150]] * 2, np.uint8)).save(tmp_path / "annotations/training/a.png")
    return tmp_path


def test_class_zero_is_void_and_the_others_count_from_one(root: Path) -> None:
    assert is_ade20k(root)
    scenes = read_ade20k(root, task="segmentation", split="train")
    assert len(scenes.class_names) == 150
    (scene,) = scenes.scenes
    assert scene.mask is not None
    assert read_mask(scene.mask, scenes)[0, 0].tolist() == [255, 0, 1, 149]


def test_names_are_those_of_the_table(root: Path) -> None:
    lines = ["Idx\tRatio\tTrain\tVal\tStuff\tName", "1\t0.1\t1\t1\t1\twall, fence", "2\t0.1\t1\t1\t1\tsky"]
    (root / "objectInfo150.txt").write_text("\n".join(lines))
    scenes = read_ade20k(root, task="segmentation", split="training")
    assert scenes.class_names == ("wall", "sky")
    mask = scenes.scenes[0].mask
    assert mask is not None
    with pytest.raises(DataError, match=r"a\.png has pixels of class 150, but .* has 2 classes and 255 for void"):
        read_mask(mask, scenes)


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"images/validation has no images that end in \.jpg"):
        read_ade20k(root, task="segmentation", split="val")
    (root / "images/validation").rmdir()
    with pytest.raises(DataError, match="has no split 'val'; there are: training"):
        read_ade20k(root, task="segmentation", split="val")
    with pytest.raises(DataError, match="ADE20K's layout, which is read for segmentation only"):
        read_ade20k(root, task="detection", split="train")
    (root / "annotations/training/a.png").unlink()
    with pytest.raises(DataError, match=r"the mask .*a\.png is missing"):
        read_ade20k(root, task="segmentation", split="train")
