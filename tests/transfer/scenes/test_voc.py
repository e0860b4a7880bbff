"""The layout of Pascal VOC: masks and boxes, and a sentence for what is missing."""

from pathlib import Path

import numpy as np
import pytest

from helixnas.errors import ArtifactError, DataError
from helixnas.transfer.scenes.images import read_mask
from helixnas.transfer.scenes.voc import NAMES, read_voc


def test_masks_are_found_in_the_order_of_the_split(masks: Path) -> None:
    scenes = read_voc(masks, task="segmentation", split="val")
    assert scenes.class_names == ("dark", "bright")
    assert [scene.image.stem for scene in scenes.scenes] == ["val0", "val1", "val2"]
    assert scenes.scenes[0].mask is not None
    assert np.unique(read_mask(scenes.scenes[0].mask, scenes).numpy()).tolist() == [0, 1, 255]


def test_boxes_count_from_one_and_difficult_ones_are_crowds(objects: Path) -> None:
    scenes = read_voc(objects, task="detection", split="train")
    assert scenes.class_names == ("blob", "square")
    first, empty, third = (scene.boxes for scene in scenes.scenes[:3])
    assert first is not None
    assert empty is not None
    assert third is not None
    assert (first.corners[:, 2:] - first.corners[:, :2]).tolist() == [[24, 24]]
    assert empty.corners.shape == (0, 4)
    assert third.crowd.tolist() == [False, True]
    assert third.corners[1].tolist() == [49, 29, 64, 48]
    assert third.labels.tolist() == [1, 0]


def test_without_own_classes_masks_have_those_of_voc(masks: Path) -> None:
    (masks / "classes.txt").unlink()
    assert read_voc(masks, task="segmentation", split="train").class_names == ("background", *NAMES)
    assert len(NAMES) == 20


def test_masks_of_the_augmented_split_may_have_a_folder_of_their_own(masks: Path) -> None:
    own, added = masks / "SegmentationClass/train1.png", masks / "SegmentationClassAug/train1.png"
    added.parent.mkdir()
    own.rename(added)
    scenes = read_voc(masks, task="segmentation", split="train").scenes
    assert scenes[1].mask == added
    assert scenes[0].mask == masks / "SegmentationClass/train0.png"


def test_what_is_missing_is_named(masks: Path, objects: Path) -> None:
    with pytest.raises(DataError, match="has no split 'test'; there are: train, val"):
        read_voc(masks, task="segmentation", split="test")
    (masks / "SegmentationClass/val1.png").unlink()
    with pytest.raises(
        DataError,
        match=r"the mask .*val1\.png is missing, in SegmentationClassAug too; a file in ImageSets",
    ):
        read_voc(masks, task="segmentation", split="val")
    (masks / "JPEGImages/val0.jpg").unlink()
    with pytest.raises(DataError, match=r"val0\.jpg is missing; a file in ImageSets names it"):
        read_voc(masks, task="segmentation", split="val")
    (objects / "Annotations/val2.xml").unlink()
    with pytest.raises(DataError, match=r"cannot read the boxes .*val2\.xml: No such file"):
        read_voc(objects, task="detection", split="val")


def test_malformed_annotations_are_named(objects: Path) -> None:
    file = objects / "Annotations/val0.xml"
    whole = file.read_text()
    for text, message in (
        (whole[:60], "are not XML"),
        (whole.replace("<width>64</width>", ""), "lacks the size of its image or a corner of a box"),
        (whole.replace("<xmax>", "<xmax>-"), "has no area inside the image of 64 x 48 pixels"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=rf"val0\.xml.* {message}"):
            read_voc(objects, task="detection", split="val")
    file.write_text(whole)
    (objects / "classes.txt").write_text("circle\n")
    with pytest.raises(DataError, match=r"val0\.xml has an object of class 'square'; the classes are circle"):
        read_voc(objects, task="detection", split="val")


def test_camvid_and_bccd_can_be_read(data_root: Path) -> None:
    camvid = read_voc(data_root / "camvid-voc", task="segmentation", split="test")
    assert (len(camvid), len(camvid.class_names)) == (233, 11)
    bccd = read_voc(data_root / "bccd-voc", task="detection", split="test")
    assert (len(bccd), bccd.class_names) == (72, ("Platelets", "RBC", "WBC"))


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (b"dark\ndark\n", DataError, r"classes\.txt names the class dark twice; a line is the name of a class"),
        (
            b"\n".join(b"%d" % number for number in range(256)),
            DataError,
            "names 256 classes, but masks of 8 bits tell 255",
        ),
        (b"\xff\xfe\xff", ArtifactError, r"cannot read .*classes\.txt: it is not UTF-8 text"),
    ],
)
def test_classes_that_no_mask_can_have_are_one_sentence(
    masks: Path, content: bytes, error: type[Exception], sentence: str
) -> None:
    (masks / "classes.txt").write_bytes(content)
    with pytest.raises(error, match=sentence):
        read_voc(masks, task="segmentation", split="val")
