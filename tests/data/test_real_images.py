"""The photographs at hand, where they are."""

import os
from pathlib import Path

import numpy as np
import pytest

from helixnas.data import DataConfig, open_data


def _place(name: str) -> str:
    path = Path(os.environ.get("HELIXNAS_DATA", "")) / name
    if not os.environ.get("HELIXNAS_DATA") or not path.exists():
        pytest.skip(f"{name} is not in $HELIXNAS_DATA")
    return str(path)


def test_photographs_without_labels_are_shown_at_any_size() -> None:
    config = DataConfig(
        root=_place("imagenet-sample/images.tar"), labels=False, num_rating=300, augmentation="imagenet", num_workers=1
    )
    splits = open_data(config, image_size=96, seed=0)
    assert len(splits.train) == 700
    assert splits.evaluation is None
    for images, augment in ((splits.train, True), (splits.rating, False)):
        (batch,) = images.subset(8).batches(batch_size=8, seed=0, augment=augment, shuffle=True)
        assert batch.images.shape == (8, 3, 96, 96)
        assert 0.2 < batch.images.mean() < 0.7


@pytest.mark.slow
def test_cifar10_is_read_from_its_tar_and_divided_by_class() -> None:
    config = DataConfig(
        root=_place("cifar10/train.tar"), evaluation_root=_place("cifar10/validation.tar"), num_rating=5000
    )
    splits = open_data(config, image_size=32, seed=0)
    assert (len(splits.train), len(splits.rating)) == (45_000, 5_000)
    assert splits.evaluation is not None
    assert len(splits.evaluation) == 10_000
    assert splits.class_names[:3] == ("airplane", "automobile", "bird")
    for images, each in ((splits.train, 4500), (splits.rating, 500), (splits.evaluation, 1000)):
        assert np.bincount(images.require_labels("this test")).tolist() == [each] * 10
    everything = np.concatenate([splits.train.rows, splits.rating.rows])
    assert len(everything) == len(set(everything.tolist()))
    assert splits.train.all_labels is not None
    assert (np.diff(splits.train.all_labels) >= 0).all()
    means = splits.train.store.pixels
    assert means is not None
    assert (means.mean(axis=(0, 1, 2)) / 255).round(2).tolist() == [0.49, 0.48, 0.45]
    batches = splits.train.batches(batch_size=128, seed=0, augment=True, shuffle=True, drop_last=True)
    assert sum(1 for _ in batches) == 351
