"""The kept index: made once per shard, made again where a shard changed, and never trusted when damaged."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from helixnas.data.streams import kept
from helixnas.data.streams.kept import kept_index
from helixnas.errors import DataError

Shards = Callable[[], list[str]]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return three shards, whose bytes are their images, and keep also what is made in no time."""
    monkeypatch.setattr(kept, "SECONDS_WORTH_KEEPING", 0.0)
    paths = [tmp_path / f"{number}.shard" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes(range(10 * number, 10 * number + 2 + number)))
    return [str(path) for path in paths]


class Index:
    """Lists the bytes of a shard, and notes which shards were asked for."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, file: str) -> pa.Table:
        self.made.append(Path(file).name)
        return pa.table({"value": pa.array(list(Path(file).read_bytes()), pa.int64())})


def test_an_index_is_made_once_and_has_the_images_in_the_order_of_the_shards(files: list[str]) -> None:
    index = Index()
    table = kept_index("numbers", files, index, kind="a")
    assert table["value"].to_pylist() == [0, 1, 10, 11, 12, 20, 21, 22, 23]
    assert table["file"].to_pylist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    backwards = kept_index("numbers", files[::-1], index, kind="a")
    assert backwards["value"].to_pylist() == [20, 21, 22, 23, 10, 11, 12, 0, 1]
    assert index.made == ["0.shard", "1.shard", "2.shard"]


def test_only_a_changed_shard_is_indexed_again(files: list[str]) -> None:
    index = Index()
    kept_index("numbers", files, index, kind="a")
    Path(files[1]).write_bytes(bytes([7, 8, 9]))
    os.utime(files[1], ns=(1, 1))
    assert kept_index("numbers", files, index, kind="a")["value"].to_pylist() == [0, 1, 7, 8, 9, 20, 21, 22, 23]
    assert index.made == ["0.shard", "1.shard", "2.shard", "1.shard"]


def test_another_kind_of_index_is_another_file(files: list[str]) -> None:
    index = Index()
    kept_index("numbers", files, index, kind="a")
    kept_index("numbers", files, index, kind="b")
    assert len(index.made) == 6


def test_an_interrupted_index_continues_where_it_was(files: list[str]) -> None:
    index = Index()

    def stopped(file: str) -> pa.Table:
        if file == files[2]:
            raise KeyboardInterrupt
        return index(file)

    with pytest.raises(KeyboardInterrupt):
        kept_index("numbers", files, stopped, kind="a")
    assert kept_index("numbers", files, index, kind="a").num_rows == 9
    assert index.made == ["0.shard", "1.shard", "2.shard"]


def test_a_long_indexing_is_saved_and_reported_on_its_way(
    files: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept, "SECONDS_BETWEEN_SAVES", -1.0)
    with caplog.at_level(logging.WARNING):
        kept_index("numbers", files, Index(), kind="a")
    assert "indexing the shards of numbers, only this once: 2 of 3 are done" in caplog.text


def test_an_index_made_in_no_time_is_not_stored(
    files: list[str], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "SECONDS_WORTH_KEEPING", 3600.0)
    kept_index("numbers", files, Index(), kind="a")
    assert not own_cache.exists()


def test_a_damaged_index_is_made_again_with_a_warning(
    files: list[str], own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = Index()
    kept_index("numbers", files, index, kind="a")
    (stored,) = own_cache.iterdir()
    stored.write_bytes(stored.read_bytes()[:-20])
    with caplog.at_level(logging.WARNING):
        assert kept_index("numbers", files, index, kind="a").num_rows == 9
    assert len(index.made) == 6
    assert f"making the index {stored} again, because it is damaged" in caplog.text


def test_a_folder_that_cannot_be_written_is_a_warning(
    files: list[str], own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_cache.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert kept_index("numbers", files, Index(), kind="a").num_rows == 9
    assert "the index of numbers cannot be kept and will be made again" in caplog.text


def test_a_missing_shard_is_named(files: list[str]) -> None:
    Path(files[1]).unlink()
    with pytest.raises(DataError, match=rf"^{files[1]}, a shard of numbers, cannot be read: No such file"):
        kept_index("numbers", files, Index(), kind="a")
