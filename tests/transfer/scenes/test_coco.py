"""The layout of COCO: boxes of a JSON file, crowds, empty images."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helixnas.errors import ArtifactError, DataError
from helixnas.transfer.scenes.coco import is_coco, read_coco


@pytest.fixture
def content() -> dict[str, Any]:
    return {
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10},
            {"id": 2, "file_name": "b.jpg", "width": 20, "height": 10},
        ],
        "annotations": [
            {"id": 11, "image_id": 1, "category_id": 7, "bbox": [2, 3, 4, 5], "iscrowd": 0},
            {"id": 12, "image_id": 1, "category_id": 3, "bbox": [15, 0, 10, 4], "iscrowd": 1},
        ],
    }


def written(root: Path, content: Any) -> Path:
    for folder in ("annotations", "train2017"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (20, 10)).save(root / "train2017" / name)
    (root / "annotations/instances_train2017.json").write_text(json.dumps(content))
    return root


def test_boxes_classes_and_crowds_are_read(content: dict[str, Any], tmp_path: Path) -> None:
    root = written(tmp_path / "coco", content)
    assert is_coco(root)
    scenes = read_coco(root, task="detection", split="train")
    first, empty = (scene.boxes for scene in scenes.scenes)
    assert scenes.class_names == ("cat", "dog")
    assert first is not None
    assert first.corners.tolist() == [[2, 3, 6, 8], [15, 0, 20, 4]]
    assert first.labels.tolist() == [1, 0]
    assert first.crowd.tolist() == [False, True]
    assert empty is not None
    assert empty.corners.shape == (0, 4)
    assert scenes.left_out == 0


def test_boxes_without_area_are_left_out_and_counted(content: dict[str, Any], tmp_path: Path) -> None:
    flat = {"id": 918, "image_id": 2, "category_id": 3, "bbox": [6.65, 8.33, 1.03, 0.0], "iscrowd": 0}
    content["annotations"].append(flat)
    scenes = read_coco(written(tmp_path, content), task="detection", split="train2017")
    assert [len(scene.boxes.labels) for scene in scenes.scenes if scene.boxes is not None] == [2, 0]
    assert scenes.left_out == 1


def test_malformed_files_are_named(content: dict[str, Any], tmp_path: Path) -> None:
    content["annotations"][0]["bbox"] = [30, 3, 4, 5]
    with pytest.raises(DataError, match=r"instances_train2017\.json, annotation 11 of a\.jpg: the box 30 3 34 8"):
        read_coco(written(tmp_path, content), task="detection", split="train2017")
    content["annotations"][0]["category_id"] = 99
    with pytest.raises(DataError, match="is not a file of COCO's boxes: it lacks a category of the number 99"):
        read_coco(written(tmp_path, content), task="detection", split="train2017")
    with pytest.raises(DataError, match="is not a file of COCO's boxes: it lacks the field 'annotations'"):
        read_coco(written(tmp_path, {"categories": []}), task="detection", split="train2017")
    (tmp_path / "annotations/instances_train2017.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"instances_train2017\.json is truncated or damaged \(.*\); copy it again"):
        read_coco(tmp_path, task="detection", split="train2017")


def test_what_is_missing_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    root = written(tmp_path, content)
    with pytest.raises(DataError, match="has no split 'val'; there are: train2017"):
        read_coco(root, task="detection", split="val")
    with pytest.raises(DataError, match="COCO's layout, which is read for detection only"):
        read_coco(root, task="segmentation", split="train")
    (root / "train2017/b.jpg").unlink()
    with pytest.raises(DataError, match=r"b\.jpg is missing; instances_train2017\.json names it"):
        read_coco(root, task="detection", split="train")
