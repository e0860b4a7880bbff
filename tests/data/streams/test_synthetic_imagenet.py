"""The plumbing of shards at the size of ImageNet's: 1,000 tars, ranks, workers and resuming, with small images."""

import io
import tarfile
from collections.abc import Generator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from helixnas.data import DataConfig, DataSplits, open_data
from helixnas.data.streams import tar

NUM_SHARDS, PER_SHARD, NUM_CLASSES = 1000, 5, 50


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 1,000 shards of 5 images of 50 classes; an image tells its number in three pixels."""
    folder = tmp_path_factory.mktemp("imagenet")
    rng = np.random.default_rng(0)
    for shard in range(NUM_SHARDS):
        with tarfile.open(folder / f"train-{shard:04d}.tar", "w") as archive:
            for number in range(PER_SHARD):
                pixels = np.zeros((8, 8, 3), dtype=np.uint8)
                pixels[:] = list((shard * PER_SHARD + number).to_bytes(3, "big"))
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, "PNG")
                for ending, content in (("png", stream.getvalue()), ("cls", str(rng.integers(NUM_CLASSES)).encode())):
                    entry = tarfile.TarInfo(f"{number:04d}.{ending}")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
    return folder


@pytest.fixture(scope="module")
def splits(root: Path) -> Generator[DataSplits]:
    """Open the shards with blocks of a shard each, 40 of which are mixed."""
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tar, "BLOCK_BYTES", 2**16)
        yield opened(root)


def opened(root: Path, **settings: Any) -> DataSplits:
    config = DataConfig(
        name="wds/imagenet",
        root=str(root),
        split="train-{0000..0999}.tar",
        evaluation_split="",
        cache=False,
        num_rating=500,
        **{"shuffle": "blocks", "shuffle_memory": 40 * PER_SHARD * 2048 / 2**30} | settings,
    )
    return open_data(config, image_size=8, seed=0)


def numbers_in(images: torch.Tensor) -> list[int]:
    values = (images[:, :, 0, 0] * 255).round().to(torch.int64)
    return (values[:, 0] * 65536 + values[:, 1] * 256 + values[:, 2]).tolist()


@pytest.mark.slow
def test_each_image_comes_once_per_epoch_over_ranks_and_workers_in_an_order_that_resumes(
    splits: DataSplits, root: Path
) -> None:
    train = splits.train
    assert 40 <= train.store.window <= 50
    how: dict[str, Any] = {"batch_size": 64, "seed": 5, "augment": False, "shuffle": True}
    batches = list(train.batches(**how))
    alone = [numbers_in(batch.images) for batch in batches]
    met = [*chain.from_iterable(alone)]
    assert sorted(met) == train.rows.tolist()
    assert train.rows[torch.cat([batch.indices for batch in batches])].tolist() == met
    again = opened(root, num_workers=2).train
    assert [numbers_in(batch.images) for batch in again.batches(skip=20, **how)] == alone[20:]
    next_epoch = [number for batch in train.batches(epoch=1, **how) for number in numbers_in(batch.images)]
    assert next_epoch != met
    assert sorted(next_epoch) == sorted(met)
    ranks = [
        [numbers_in(batch.images) for batch in again.batches(part=(rank, 2), drop_last=True, **how)]
        for rank in range(2)
    ]
    assert [[*chain.from_iterable(parts)] for parts in zip(*ranks, strict=True)] == alone[: len(train) // 64]


@pytest.mark.slow
def test_splits_are_by_class_and_apart(splits: DataSplits) -> None:
    assert splits.evaluation is not None
    rows = [splits.train.rows, splits.rating.rows, splits.evaluation.rows]
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(NUM_SHARDS * PER_SHARD))
    assert splits.rating.labels is not None
    assert splits.rating.all_labels is not None
    of_all = (
        np.bincount(splits.rating.all_labels, minlength=NUM_CLASSES)
        * len(splits.rating)
        / len(splits.rating.all_labels)
    )
    assert np.abs(np.bincount(splits.rating.labels, minlength=NUM_CLASSES) - of_all).max() < 2
    assert len(np.unique(splits.rating.rows // PER_SHARD)) > 300  # images of many shards


@pytest.mark.slow
def test_memory_and_open_files_do_not_grow_with_the_images(splits: DataSplits) -> None:
    process, held = psutil.Process(), list[tuple[int, int]]()
    for number, batch in enumerate(splits.train.batches(batch_size=64, seed=0, augment=False, shuffle=True)):
        assert len(batch.images)
        if number in (20, 50):
            held.append((process.memory_info().rss, process.num_fds()))
    assert held[1][0] - held[0][0] < 2**23
    assert held[1][1] == held[0][1]
