"""Tars of a WebDataset: the same images alone and by block, in columns instead of objects."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helixnas.data import DataConfig, ImageSet, open_data
from helixnas.data.streams import tar
from helixnas.data.streams.tar import index_tar, labels_in, open_tars
from helixnas.errors import ConfigError, DataError

Png = Callable[[int], bytes]

NUM_SHARDS, PER_SHARD = 6, 15


def photo(value: int) -> bytes:
    """Encode noise around a value, so that images have the size of small photographs."""
    stream = io.BytesIO()
    noise = np.random.default_rng(value).integers(0, 2, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(noise + np.uint8(value)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def shards(make_tar: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write shards of three classes whose images are recognised by their value; a block holds about four."""
    monkeypatch.setattr(tar, "BLOCK_BYTES", 8192)
    paths: list[str] = []
    for shard in range(NUM_SHARDS):
        members: dict[str, bytes] = {}
        for number in range(PER_SHARD):
            value = shard * PER_SHARD + number
            members[f"{number:03d}.png"] = photo(value)
            members[f"{number:03d}.cls"] = str(value % 3).encode()
        paths.append(str(make_tar(f"set-{shard}.tar", members)))
    return paths


def value_of(image: Image.Image) -> int:
    return int(np.asarray(image).min())


def images_of(shards: list[str], **settings: Any) -> ImageSet:
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    config = DataConfig(
        name="wds/set",
        root=str(Path(shards[0]).parent),
        split=f"set-{{0..{NUM_SHARDS - 1}}}.tar",
        **{"num_rating": 9, "evaluation_split": "", "evaluation_share": 0.1, "cache": False} | settings,
    )
    return open_data(config, image_size=16, seed=0).train


def test_an_image_is_the_same_alone_and_with_its_block(shards: list[str]) -> None:
    source = open_tars("set", shards, field="", labels=True, memory=10_000)
    assert source.stream is not None
    assert source.labels is not None
    for row in (0, 89, 44, 45, 13):
        assert value_of(source.read(row)) == value_of(source.stream(row)) == row
    assert source.labels.tolist() == [row % 3 for row in range(90)]
    assert source.locate(16) == f"{shards[1]}!001.png"


def test_blocks_are_parts_of_one_tar_in_order(shards: list[str]) -> None:
    blocks = open_tars("set", shards, field="", labels=True, memory=10_000).blocks
    assert blocks is not None
    assert (np.diff(blocks.of) >= 0).all()
    assert all(len({row // PER_SHARD for row in np.flatnonzero(blocks.of == each)}) == 1 for each in set(blocks.of))
    assert 2 <= np.bincount(blocks.of).mean() <= 6
    assert 5000 < blocks.num_bytes < 8192


def test_a_shuffled_epoch_by_blocks_shows_each_image_once_and_reads_each_block_once(
    shards: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = list[int]()
    load = tar.TarImages._load
    monkeypatch.setattr(tar.TarImages, "_load", lambda self, block: loaded.append(block) or load(self, block))
    images = images_of(shards, shuffle="blocks", shuffle_memory=40_000 / 2**30)
    seen = [b.indices for b in images.batches(batch_size=7, seed=1, augment=False, shuffle=True)]
    assert sorted(torch.cat(seen).tolist()) == list(range(len(images)))
    assert len(loaded) == len(set(loaded))


def test_the_order_by_blocks_depends_neither_on_workers_nor_on_the_cache_nor_on_skipping(shards: list[str]) -> None:
    how: dict[str, Any] = {"batch_size": 10, "seed": 3, "augment": True, "shuffle": True, "epoch": 1}
    settings: dict[str, Any] = {"shuffle": "blocks", "shuffle_memory": 40_000 / 2**30, "augmentation": "imagenet"}
    plain = list(images_of(shards, **settings).batches(**how))
    for other in ({"num_workers": 2}, {"cache": True}):
        again = list(images_of(shards, **settings | other).batches(**how))
        assert all(
            torch.equal(a.images, b.images) and torch.equal(a.indices, b.indices)
            for a, b in zip(plain, again, strict=True)
        )
    later = list(images_of(shards, num_workers=2, **settings).batches(skip=4, **how))
    assert all(torch.equal(a.images, b.images) for a, b in zip(plain[4:], later, strict=True))


def test_parts_of_a_batch_are_read_apart_and_make_the_whole(shards: list[str]) -> None:
    images = images_of(shards, shuffle="blocks", shuffle_memory=40_000 / 2**30)
    how: dict[str, Any] = {"batch_size": 12, "seed": 3, "augment": True, "shuffle": True, "drop_last": True}
    parts = [list(images.batches(part=(rank, 3), **how)) for rank in range(3)]
    for whole, *own in zip(images.batches(**how), *parts, strict=True):
        assert torch.equal(torch.cat([each.images for each in own]), whole.images)
        assert torch.equal(torch.cat([each.indices for each in own]), whole.indices)


def test_images_of_shards_are_in_any_order_unless_blocks_are_asked_for(shards: list[str]) -> None:
    orders = [
        next(images_of(shards, shuffle=shuffle).batches(batch_size=81, seed=0, augment=False, shuffle=True)).indices
        for shuffle in ("auto", "images")
    ]
    assert orders[0].tolist() == orders[1].tolist() == np.random.default_rng([0, 1, 0]).permutation(72).tolist()


def test_a_damaged_image_is_replaced_by_the_next(shards: list[str]) -> None:
    content = bytearray(Path(shards[2]).read_bytes())
    content[600:700] = bytes(100)  # in the first image, which follows the header of 512 bytes
    Path(shards[2]).write_bytes(content)
    images = images_of(shards, shuffle="blocks", num_workers=2, max_unreadable=0.1, num_rating=1, labels=False)
    batches = list(images.batches(batch_size=9, seed=1, augment=False, shuffle=True))
    assert len(images.store.unreadable) == 1
    assert images.store.source.locate(images.store.unreadable.rows[0]) == f"{shards[2]}!000.png"
    assert len({*torch.cat([batch.indices for batch in batches]).tolist()}) == len(images) - 1


def test_a_source_of_shards_can_be_sent_to_another_process(shards: list[str]) -> None:
    source = open_tars("set", shards, field="", labels=True, memory=10_000)
    assert source.stream is not None
    source.stream(3)
    other = pickle.loads(pickle.dumps(source))
    assert value_of(other.stream(3)) == 3
    assert len(pickle.dumps(source)) < 20_000


def test_the_index_holds_names_places_and_classes(make_tar: Any, png: Png) -> None:
    shard = make_tar("s.tar", {"a/1.png": png(1), "a/1.cls": b"cat", "2.png": png(2), "2.json": b'{"label": 3}'})
    table = index_tar(str(shard), field="")
    assert table["name"].to_pylist() == ["a/1.png", "2.png"]
    assert table["size"].to_pylist() == [len(png(1)), len(png(2))]
    assert labels_in(table) == ["cat", 3]


@pytest.mark.parametrize("length", [100, 700, 3000])
def test_a_damaged_shard_is_named(shards: list[str], length: int) -> None:
    Path(shards[4]).write_bytes(Path(shards[4]).read_bytes()[:length])
    with pytest.raises(DataError, match=rf"^{shards[4]} is not a readable, uncompressed tar: "):
        open_tars("set", shards, field="", labels=True, memory=10_000)


def test_a_shard_in_both_splits_is_an_error(shards: list[str]) -> None:
    with pytest.raises(
        DataError, match=rf"^2 of the shards of the evaluation images, .* such as {shards[4]}; give each"
    ):
        images_of(shards, evaluation_split="set-{4..5}.tar")


def test_blocks_of_what_is_not_stored_in_blocks_are_refused(make_images: Any) -> None:
    with pytest.raises(
        DataError, match=r"^data.shuffle=blocks needs shards .* and .*images is none; give data.shuffle=im"
    ):
        open_data(DataConfig(root=str(make_images()), num_rating=2, shuffle="blocks"), image_size=16, seed=0)
    with pytest.raises(ConfigError, match="data.shuffle_memory must be above 0"):
        DataConfig(shuffle_memory=0.0)
