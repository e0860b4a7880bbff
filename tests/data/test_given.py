"""Images that a program holds, as a source."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torchvision.datasets import ImageFolder

from helixnas.data import DataConfig, given, open_data
from helixnas.data.given import given_source, register_images
from helixnas.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6, 8, 3), dtype=np.uint8)


class Pairs(list[Any]):
    """A data set: a list of items."""

    targets: Any = None
    target_transform: Callable[[int], int] | None = None
    reads = 0

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        found = super().__getitem__(index)
        return found if self.target_transform is None else (found[0], self.target_transform(found[1]))


class Stream(IterableDataset[Any]):
    """Images in an order, the first ones of `shift` left out at each further pass."""

    def __init__(self, shift: int = 0) -> None:
        self.shift, self.passes = shift, 0

    def __iter__(self) -> Iterator[Any]:
        self.passes += 1
        yield from as_set("tensor")[self.shift * (self.passes - 1) :]


def labels_of(images: Any) -> list[int]:
    labels = given_source(register_images(images)).labels
    assert labels is not None
    return labels.tolist()


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
    assert labels_of(pairs) == [0, 1] * 10


@pytest.mark.parametrize("listed", [[0] * 40, ["a"] * 40, torch.zeros(40, 2)])
def test_targets_that_are_not_the_items_classes_are_not_the_labels(listed: Any) -> None:
    pairs = as_set("array")
    pairs.targets = listed
    assert labels_of(pairs) == [0, 1] * 20


def test_transformed_targets_are_the_labels() -> None:
    pairs = as_set("array")
    pairs.targets, pairs.target_transform = [0, 1] * 20, lambda label: label + 1
    assert labels_of(pairs) == [1, 2] * 20


def test_listed_targets_save_reading_every_item() -> None:
    pairs = Pairs(as_set("array") * 5)
    pairs.targets = torch.arange(200) % 2
    part = Subset(ConcatDataset([pairs, Subset(pairs, range(1, 200))]), [0, 200, 3])
    assert labels_of(part) == [0, 1, 1]
    assert pairs.reads == 6
    assert labels_of(pairs) == [0, 1] * 100
    assert pairs.reads == 6 + 64


def test_reading_every_item_for_its_class_is_told_where_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(given, "PATIENCE", -1)
    with caplog.at_level(logging.WARNING):
        register_images(as_set("array"))
    assert [record.getMessage()[:41] for record in caplog.records] == ["reading all 40 items for their classes; a"]


def test_images_that_differ_when_read_again_are_refused() -> None:
    class Flipped(Pairs):
        def __getitem__(self, index: Any) -> Any:
            return PIXELS[index, :, :: (-1) ** (self.reads % 2)], super().__getitem__(index)[1]

    with pytest.raises(DataError, match="item 0 of the images differs .*; leave random transforms out of the data set"):
        register_images(Flipped(as_set("array")))


@pytest.mark.parametrize("wrap", [lambda stream: stream, lambda stream: DataLoader(stream, batch_size=8)])
def test_streams_that_begin_otherwise_when_read_again_are_refused(wrap: Callable[[Stream], Any]) -> None:
    assert register_images(wrap(Stream())) == register_images(as_set("array"))
    with pytest.raises(DataError, match="item 0 of the images is another when they are read again.* leave shuffling"):
        register_images(wrap(Stream(shift=1)))


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


def loader_by(sampler: Any, *, by_batch: bool = False) -> DataLoader[Any]:
    """Return a loader of 40 images by a sampler of images, or by batches of it."""
    if by_batch:
        return DataLoader(as_set("tensor"), batch_sampler=BatchSampler(sampler, 4, drop_last=False))
    return DataLoader(as_set("tensor"), batch_size=4, sampler=sampler)


@pytest.mark.parametrize("by_batch", [False, True])
@pytest.mark.parametrize(
    "sampler",
    [SubsetRandomSampler([*range(10), 3]), SequentialSampler(range(10)), RandomSampler(range(10)), [*range(9, -1, -1)]],
)
def test_a_loader_gives_the_images_that_its_sampler_takes(sampler: Any, by_batch: bool) -> None:
    assert register_images(loader_by(sampler, by_batch=by_batch)) == register_images(as_set("array")[:10])


@pytest.mark.parametrize("by_batch", [False, True])
def test_other_samplers_are_refused(by_batch: bool) -> None:
    loader = loader_by(WeightedRandomSampler([1.0] * 40, 40), by_batch=by_batch)
    with pytest.raises(
        DataError, match=r"sampler, WeightedRandomSampler, .* or the part to use as a torch.utils.data.Subset"
    ):
        register_images(loader)


def test_an_own_batch_sampler_is_refused() -> None:
    loader = DataLoader(as_set("tensor"), batch_sampler=[[0, 1], [2, 3]])
    with pytest.raises(DataError, match="does not tell which images it takes"):
        register_images(loader)


def test_items_that_cannot_be_read_are_named(tmp_path: Any) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.fromarray(PIXELS[0]).save(tmp_path / name / "0.png")
    folder = ImageFolder(tmp_path)
    (tmp_path / "dog" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"item 1 of the images: it cannot be read: .*UnidentifiedImageError"):
        register_images(folder)


def test_image_folders_keep_classes_and_names_without_reading_all(tmp_path: Any) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(20):
            Image.fromarray(PIXELS[number]).save(tmp_path / name / f"{number:02}.png")
    opened: list[Image.Image] = []
    folder = ImageFolder(tmp_path, transform=lambda image: opened.append(image) or image)
    source = given_source(register_images(Subset(folder, range(39))))
    assert (source.class_names, source.num_images, len(opened)) == (("cat", "dog"), 39, 64)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (3, "must be a folder, a torch Dataset or a DataLoader, not int"),
        ([], "the data set is empty"),
        (iter([]), "the loader gives no batch"),
        ([(torch.full((3, 4, 4), -2.0), 0)], "leave normalisation out of the data set's transforms"),
        ([(torch.zeros(5, 6, 6), 0)], "item 0 of the images: an image must have 1, 3 or 4 channels"),
        ([(np.full((4, 4), 300), 0)], "whole numbers from 0 to 255"),
        ([(PIXELS[0], "cat")], "the label of an image must be a whole number from 0, .* not 'cat'"),
        ([(PIXELS[0], 1.5)], "the label of an image must be a whole number from 0, .* not 1.5"),
        ([(PIXELS[0], -1)], "the label of an image must be a whole number from 0, .* not -1"),
        ([(PIXELS[0], torch.zeros(3))], "the label of an image must be a whole number from 0"),
        ([(PIXELS[0], 0)] * 40 + [PIXELS[0]], "item 40 of the images: it has no class, but other items have one"),
        ([{"image": PIXELS[0], "label": 0}], r"pair \(image, class\), .*, not a dict with the keys 'image', 'label'"),
        (
            {"train": [], "test": []},
            "must be one data set, not a dict with the keys 'train', 'test'; give one of its values",
        ),
        (iter([{"image": PIXELS}]), "batch 0 of the loader must hold images.*: it is a dict with the keys 'image'"),
        (iter([(PIXELS[:4], 1)]), "batch 0 of the loader must hold images, or images and labels, as tensors or lists"),
        (iter([(PIXELS[:4], [1])]), "batch 0 of the loader has 4 images, but 1 labels"),
        (iter([(PIXELS[:4], [1] * 4), PIXELS[:4]]), "of 8 images of the loader, 4 have no class"),
        (
            (1 / 0 for _ in range(2)),
            r"batch 0 of the images: it cannot be read: division by zero \(ZeroDivisionError\)",
        ),
    ],
)
def test_other_things_are_refused(images: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        register_images(images)


def test_images_of_another_process_are_named() -> None:
    with pytest.raises(DataError, match="call it again with the same images to go on"):
        open_data(DataConfig(name="python/none"), image_size=8, seed=0)
