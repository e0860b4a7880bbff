"""Parquet files of images: columns, splits and classes as Hugging Face data sets have them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from helixnas.data import DataConfig, open_data
from helixnas.data.source import Source, as_rgb
from helixnas.data.streams.parquet import find_parquet, open_parquet
from helixnas.errors import DataError

Png = Callable[[int], bytes]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, png: Png) -> Write:
    """Return a function that writes grey images of given values as Hugging Face does, in row groups of four."""

    def make(
        name: str, values: Any, labels: Any = None, *, names: Any = None, plain: bool = False, label: str = "label"
    ) -> Path:
        images: list[Any] = [png(value) for value in values]
        kind = pa.binary() if plain else pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        rows = images if plain else [{"bytes": each, "path": None} for each in images]
        columns = {"image": pa.array(rows, kind)}
        if labels is not None:
            columns[label] = pa.array(labels)
        features = {label: {"names": list(names), "_type": "ClassLabel"}} if names else {}
        note = json.dumps({"info": {"features": features}})
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns).replace_schema_metadata({"huggingface": note}), path, row_group_size=4)
        return path

    return make


def opened(root: Path, split: str = "train", *, labels: bool = True) -> Source:
    return open_parquet(root, split, labels=labels, memory=2**20)


def values_in(source: Source, way: str = "read") -> list[int]:
    return [int(np.asarray(as_rgb(getattr(source, way)(row)))[0, 0, 0]) for row in range(source.num_images)]


@pytest.mark.parametrize("plain", [False, True])
def test_images_and_classes_are_read_by_index(write: Write, plain: bool) -> None:
    write("data/train-00000-of-00002.parquet", range(6), [0, 1, 1, 0, 1, 0], names=("cat", "dog"), plain=plain)
    path = write("data/train-00001-of-00002.parquet", range(6, 11), [1] * 5, names=("cat", "dog"), plain=plain)
    source = opened(path.parents[1])
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1]
    assert source.class_names == ("cat", "dog")
    assert values_in(source) == values_in(source, "stream") == list(range(11))
    assert source.locate(10) == f"{path}!row group 1, row 0"
    assert source.blocks is not None
    assert np.bincount(source.blocks.of).tolist() == [4, 2, 4, 1]


def test_classes_may_be_names_and_need_no_metadata(write: Write) -> None:
    path = write("a.parquet", range(3), ["b", "a", "b"], label="class")
    source = opened(path.parent)
    assert source.labels is not None
    assert (source.labels.tolist(), source.class_names) == ([1, 0, 1], ("a", "b"))
    without = opened(path.parent, labels=False)
    assert (without.labels, without.class_names) == (None, ())
    dictionary = pq.read_table(path)
    encoded = dictionary.set_column(1, "class", dictionary["class"].dictionary_encode())
    pq.write_table(encoded, path)
    assert opened(path.parent).class_names == ("a", "b")


@pytest.mark.parametrize(
    ("names", "split", "found"),
    [
        (["data/train-0.parquet", "data/test-0.parquet"], "train", ["data/train-0.parquet"]),
        (["train/0.parquet", "validation/0.parquet"], "validation", ["validation/0.parquet"]),
        (["data/val-0.parquet", "data/train.parquet"], "validation", ["data/val-0.parquet"]),
        (["part-0.parquet", "part-1.parquet"], "train", ["part-0.parquet", "part-1.parquet"]),
        (["part-0.parquet", "test-1.parquet"], "train", ["part-0.parquet"]),
        (["part-0.parquet", "part-1.parquet"], "validation", []),
        (["part-0.parquet", "part-1.parquet"], "*-1.parquet", ["part-1.parquet"]),
        (["a/part-0.parquet", "part-1.parquet"], "", ["a/part-0.parquet", "part-1.parquet"]),
        (["strained.parquet"], "train", ["strained.parquet"]),
    ],
)
def test_files_of_a_split_are_found_by_words_of_their_path(
    tmp_path: Path, names: list[str], split: str, found: list[str]
) -> None:
    for name in (*names, "readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_parquet(tmp_path, split)] == found


def test_a_run_opens_parquet_with_its_own_evaluation_split_or_without(write: Write) -> None:
    names = ("cat", "dog")
    root = write("data/train-0.parquet", range(24), [0, 1] * 12, names=names).parents[1]
    config = DataConfig(name="parquet", root=str(root), num_rating=4, cache=False)
    shared = open_data(config, image_size=8, seed=0)
    assert shared.evaluation is not None
    assert (len(shared.train), len(shared.rating), len(shared.evaluation)) == (15, 4, 5)
    write("data/validation-0.parquet", range(100, 104), [0, 1, 1, 0], names=names)
    own = open_data(config, image_size=8, seed=0)
    assert own.evaluation is not None
    assert (len(own.train), len(own.evaluation)) == (20, 4)
    batches = list(own.train.batches(batch_size=6, seed=0, augment=False, shuffle=True))
    assert own.train.store.window > 0  # by blocks, without being asked to
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(20))
    for batch in batches:
        assert batch.labels is not None
        assert [round(float(image[0, 0, 0]) * 255) % 2 for image in batch.images] == batch.labels.tolist()


def test_an_image_that_is_not_in_the_file_is_unreadable_and_named(write: Write, png: Png) -> None:
    path = write("train.parquet", range(8))
    table = pq.read_table(path).to_pylist()
    table[3]["image"] = {"bytes": None, "path": "elsewhere.png"}
    pq.write_table(pa.Table.from_pylist(table), path)
    with pytest.raises(DataError, match="^its column image holds no bytes$"):
        opened(path.parent).read(3)


def test_what_cannot_be_used_is_one_sentence_with_the_file(write: Write, tmp_path: Path) -> None:
    first = write("train-0.parquet", range(4), [0, 1, 0, 1])
    root, second = first.parent, write("train-1.parquet", range(4))
    with pytest.raises(
        DataError, match=rf"^{second} has no column label, as the first file has; its columns are image$"
    ):
        opened(root)
    second = write("train-1.parquet", range(4), ["a", "b", "a", "b"])
    with pytest.raises(DataError, match=r"^the classes of parquet, split 'train', in .* are numbers for some images"):
        opened(root)
    write("train-1.parquet", range(4), [0.5, 1.0, 0.5, 1.0])
    with pytest.raises(
        DataError, match=rf"^the column label of {second} holds double, but classes are whole numbers or"
    ):
        opened(root)
    second.write_bytes(second.read_bytes()[:-9])
    with pytest.raises(DataError, match=rf"^{second} is not a readable Parquet file: "):
        opened(root)
    with pytest.raises(
        DataError, match=rf"^no Parquet file of {root} is of the split 'test'; its files are train-0.parq"
    ):
        opened(root, "test")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is of the split 'train'; it has none; a pattern may name them"):
        opened(tmp_path / "empty")


@pytest.mark.parametrize("split", ["/data/train-*.parquet", "a**.parquet"])
def test_a_pattern_that_is_none_is_one_sentence(tmp_path: Path, split: str) -> None:
    with pytest.raises(DataError, match=r"the split '.*' is no pattern of files in .*; write it from there on"):
        find_parquet(tmp_path, split)


def test_numbers_that_no_class_has_are_refused(write: Write) -> None:
    path = write("train.parquet", range(2), [0, 1])
    table = pq.read_table(path)
    large = pa.array([0, 2**63], pa.uint64())
    pq.write_table(table.set_column(table.schema.names.index("label"), "label", large), path)
    with pytest.raises(DataError, match=r"the column label of .* holds numbers of 2\^63 and above, but classes are"):
        opened(path.parent)


def test_columns_without_images_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), path)
    with pytest.raises(
        DataError, match=r"^.*train.parquet has no column of encoded images .* are text \(string\), label \("
    ):
        opened(tmp_path)
    pq.write_table(pa.table({"left": [b"a"], "right": [b"b"]}), path)
    with pytest.raises(DataError, match=r"has several columns of encoded images .*; name one of them image$"):
        opened(tmp_path)
