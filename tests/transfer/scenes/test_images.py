"""Batches depend only on seed, epoch and image, and every file is checked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helixnas.engine import Runtime
from helixnas.engine.batches import is_thread_safe
from helixnas.errors import DataError
from helixnas.transfer.scenes.augmentation import Augmentation
from helixnas.transfer.scenes.images import IGNORED, SceneImages, read_image
from helixnas.transfer.scenes.reading import open_scenes

ORIENTATION = 0x0112
"""Number of the EXIF field that says how a photograph is turned."""

CHANGES = Augmentation(image_size=32, scales=(0.75, 1.5), flip=True, color_jitter=0.2)
TRAINING: Any = {"batch_size": 2, "seed": 3, "augment": True, "shuffle": True, "drop_last": True}


def images(root: Path, *, task: str = "segmentation", split: str = "train", **settings: Any) -> SceneImages:
    return SceneImages(scenes=open_scenes(root, task=task, split=split), augmentation=CHANGES, **settings)


def test_batches_depend_on_seed_and_epoch_alone(masks: Path) -> None:
    own = images(masks)
    first = list(own.batches(epoch=1, **TRAINING))
    torch.rand(1)
    again = list(own.batches(epoch=1, skip=1, **TRAINING))
    assert len(first) == own.num_batches(2, drop_last=True) == 3
    for one, two in zip(first[1:], again, strict=True):
        assert one.rows == two.rows
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.labels, two.labels)
    other = list(own.batches(epoch=2, **TRAINING))
    assert not torch.equal(first[0].images, other[0].images)
    assert sorted(row for batch in first for row in batch.rows) == list(range(6))


def test_batches_for_a_gpu_do_not_depend_on_random_numbers_drawn_meanwhile(
    masks: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = images(masks)
    expected = list(own.batches(epoch=1, **TRAINING))
    monkeypatch.setattr("helixnas.engine.runtime._pinned", lambda batch: batch)
    runtime.device = torch.device("cuda")
    stream = runtime.ahead(own.batches(epoch=1, **TRAINING), thread_safe=is_thread_safe(own))
    for found, batch in zip(stream, expected, strict=True):
        for _ in range(500):
            torch.manual_seed(1)
        assert torch.equal(found.images, batch.images)
    assert is_thread_safe(images(masks, num_workers=1))


def test_images_of_an_evaluation_leave_the_global_generators_alone(
    masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("torch.random.fork_rng")
    monkeypatch.delattr("torch.manual_seed")
    assert len(list(images(masks, split="val").batches(batch_size=1))) == 3


def test_processes_give_the_same_batches(masks: Path) -> None:
    alone, helped = (next(iter(images(masks, num_workers=number).batches(**TRAINING))) for number in (0, 1))
    assert torch.equal(alone.images, helped.images)
    assert torch.equal(alone.labels, helped.labels)


def test_images_of_an_evaluation_are_whole_and_their_masks_are_the_stored_ones(masks: Path) -> None:
    batch = next(images(masks, split="val", short_side=24).batches(batch_size=1))
    assert batch.images.shape == (1, 3, 24, 32)
    assert 0 <= float(batch.images.min()) < float(batch.images.max()) <= 1
    assert batch.labels.shape == (1, 48, 64)
    assert set(batch.labels.unique().tolist()) == {IGNORED, 0, 1}


def test_boxes_come_with_their_images(objects: Path) -> None:
    own = images(objects, task="detection")
    for batch in own.batches(**TRAINING):
        for image, boxes in zip(batch.images, batch.boxes, strict=True):
            for box in boxes.corners[~boxes.crowd].astype(int):
                left, top, right, bottom = box
                assert image[:, top + 1 : bottom - 1, left + 1 : right - 1].min() > 0.4
    assert [len(batch.boxes[0].labels) for batch in own.batches(batch_size=1)] == [1, 0, 2, 1, 1, 1]


def test_bad_files_are_named(masks: Path) -> None:
    mask, image = masks / "SegmentationClass/val0.png", masks / "JPEGImages/val0.jpg"
    wrong = {
        "has pixels of class 9, but halves .* has 2 classes": np.full((48, 64), 9, np.uint8),
        "has pixels of mode RGB; a mask has one 8-bit class number per pixel": np.zeros((48, 64, 3), np.uint8),
    }
    for message, values in wrong.items():
        Image.fromarray(values).save(mask)
        with pytest.raises(DataError, match=rf"val0\.png.*{message}"):
            next(images(masks, split="val").batches(batch_size=1))
    Image.fromarray(np.zeros((48, 60), np.uint8)).save(mask)
    with pytest.raises(
        DataError, match=r"val0\.jpg has 64 x 48 pixels, but its mask .*val0\.png is of 60 x 48; give both"
    ):
        next(images(masks, split="val").batches(batch_size=1))
    mask.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cannot read the mask .*val0\.png"):
        next(images(masks, split="val", num_workers=1).batches(batch_size=1))
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(mask)
    image.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cannot read the image .*val0\.jpg"):
        next(images(masks, split="val").batches(batch_size=1))


def test_an_image_of_void_alone_is_refused_in_training(masks: Path) -> None:
    for file in (masks / "SegmentationClass").glob("train*.png"):
        Image.fromarray(np.full((48, 64), 255, np.uint8)).save(file)
    with pytest.raises(DataError, match=r"train\d\.png: its mask has no pixel of a class"):
        next(images(masks).batches(**TRAINING))


def test_an_image_of_another_size_than_its_boxes_say_is_refused(objects: Path) -> None:
    Image.new("RGB", (640, 480)).save(objects / "JPEGImages/val0.jpg")
    with pytest.raises(DataError, match=r"val0\.jpg has 640 x 480 pixels, but .*val0\.xml is of 64 x 48; give both"):
        next(images(objects, task="detection", split="val").batches(batch_size=1))


@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_a_turned_photograph_is_turned_only_where_its_annotation_asks_for_it(
    task: str, request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue("masks" if task == "segmentation" else "objects")
    file, exif = root / "JPEGImages/val0.jpg", Image.Exif()
    exif[ORIENTATION] = 6  # to be turned by 90 degrees
    with Image.open(file) as picture:
        whole = picture.copy()

    def shown() -> Any:
        return next(images(root, task=task, split="val").batches(batch_size=1)).images[0]

    expected = shown()
    whole.save(file, exif=exif)
    assert shown().shape == (3, 48, 64)
    assert read_image(file).shape == (3, 64, 48)
    whole.transpose(Image.Transpose.ROTATE_90).save(file, exif=exif)
    assert shown().shape == (3, 48, 64)
    assert float((shown() - expected).abs().mean()) < 0.05


def test_rows_are_the_only_images_that_are_read(masks: Path) -> None:
    (masks / "JPEGImages/val1.jpg").write_bytes(b"nothing")
    found = list(images(masks, split="val").batches(batch_size=1, rows=[2, 0]))
    assert [batch.rows for batch in found] == [(2,), (0,)]
