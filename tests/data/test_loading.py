"""Pixels of a batch, and what stands in for what cannot be read."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from helixnas.data import DataConfig, ImageSet, open_data, open_images
from helixnas.data.loading import next_readable
from helixnas.errors import DataError


def _train(root: Path, **settings: Any) -> ImageSet:
    settings = {"max_unreadable": 0.5, "num_rating": 2, "evaluation_share": 0.1} | settings
    return open_data(DataConfig(root=str(root), **settings), image_size=16, seed=0).train


def test_the_next_readable_image_is_looked_for_cyclically() -> None:
    rows = np.array([2, 4, 6, 8])
    assert next_readable(rows, (), purpose="rating", title="photos").tolist() == [0, 1, 2, 3]
    assert next_readable(rows, (4, 8, 5), purpose="rating", title="photos").tolist() == [0, 2, 2, 0]
    with pytest.raises(DataError, match="none of the 4 rating images of photos can be read"):
        next_readable(rows, (2, 4, 6, 8), purpose="rating", title="photos")


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_unreadable_image_is_replaced_by_the_next_of_its_set_cached_or_not(
    make_images: Any, num_workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_images(count=12)
    whole = _train(root)
    damaged = Path(whole.store.source.locate(int(whole.rows[4])))
    damaged.write_bytes(damaged.read_bytes()[:200])
    seen = []
    for cache in ("auto", False):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            images = _train(root, cache=cache, num_workers=num_workers)
            seen.append(
                list(images.batches(batch_size=7, seed=1, augment=True, shuffle=True))
                + list(images.batches(batch_size=7, seed=1, augment=False, shuffle=False))
            )
        named = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert len(named) == 1
        assert str(damaged) in named[0]
    for cached, decoded in zip(*seen, strict=True):
        assert torch.equal(cached.images, decoded.images)
        assert cached.labels is not None
        assert decoded.labels is not None
        assert torch.equal(cached.labels, decoded.labels)
        assert torch.equal(cached.indices, decoded.indices)
    plain = seen[0][-3]
    assert plain.indices.tolist() == [0, 1, 2, 3, 5, 5, 6]
    assert torch.equal(plain.images[4], plain.images[5])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_too_many_unreadable_images_end_an_epoch_with_one_sentence(make_images: Any, num_workers: int) -> None:
    root = make_images(count=10)
    images = _train(root, cache=False, max_unreadable=0.1, num_workers=num_workers)
    for row in images.rows[:5]:
        Path(images.store.source.locate(int(row))).write_bytes(b"")
    with pytest.raises(DataError, match=r"^3 of the 20 images of .* max_unreadable = 0.1 allows 2; the first is .*png"):
        list(images.batches(batch_size=4, seed=1, augment=False, shuffle=False))


def test_a_set_without_a_readable_image_is_an_error(make_images: Any) -> None:
    root = make_images(count=6)
    images = _train(root, cache=False, max_unreadable=0.9).subset([0, 1])
    for row in images.rows:
        Path(images.store.source.locate(int(row))).unlink()
    with pytest.raises(DataError, match=r"none of the 2 training images of .* can be read"):
        list(images.batches(batch_size=2, seed=1, augment=False, shuffle=False))


@pytest.mark.parametrize("cache", ["auto", False])
def test_a_class_of_which_no_image_can_be_read_is_an_error_that_names_it(make_images: Any, cache: Any) -> None:
    root = make_images(classes=("cat", "dog", "fox"), count=10)
    for file in (root / "dog").iterdir():
        file.write_bytes(b"no image")
    sentence = r"^none of the \d+ training images of class 'dog' of .* can be read, such as .*dog/00\d.png \(it is not an image"
    with pytest.raises(DataError, match=sentence):
        _train(root, cache=cache)
    assert _train(root, cache=cache, labels=False).num_classes == 0


@pytest.mark.parametrize("cache", ["auto", False])
def test_a_class_with_one_readable_image_is_kept(make_images: Any, cache: Any) -> None:
    root = make_images(count=10)
    whole = _train(root)
    last = Path(whole.store.source.locate(int(whole.rows[-1])))
    for file in last.parent.iterdir():
        if file != last:
            file.write_bytes(b"no image")
    assert _train(root, cache=cache).num_classes == 2


def test_a_class_of_the_evaluation_images_alone_is_named(make_images: Any) -> None:
    make_images("set/train", count=10)
    root = make_images("set/validation", count=3).parent
    for file in (root / "validation" / "cat").iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match="none of the 3 evaluation images of class 'cat' of "):
        _train(root, cache=False)
    with pytest.raises(DataError, match="none of the 3 validation images of class 'cat' of "):
        open_images(DataConfig(root=str(root), split="validation", max_unreadable=0.5), image_size=16)


def test_workers_whose_batches_do_not_fit_into_shared_memory_are_refused(
    make_images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 2 * 7 * 16 * 16 * 3 * 2  # two batches of two workers
    monkeypatch.setattr("helixnas.data.loading.shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    images = _train(make_images(count=12), cache=False, num_workers=2)
    assert len(list(images.batches(batch_size=7, seed=1, augment=True, shuffle=True))) == 3
    few = "need 0.0 MiB of shared memory, but /dev/shm has 0.0 MiB free; lower data.num_workers to 0, or give the container"
    monkeypatch.setattr("helixnas.data.loading.shutil.disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(DataError, match=f"^the processes that read images {few} more "):
        list(images.batches(batch_size=7, seed=1, augment=True, shuffle=True))
