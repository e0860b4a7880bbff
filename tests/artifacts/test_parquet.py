"""Parquet files that know what they are."""

import errno
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helixnas.artifacts.parquet import read_parquet, write_parquet
from helixnas.errors import ArtifactError

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"]})


def test_columns_and_facts_come_back(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", TABLE, kind="list", facts={"n": 3, "names": ["é"]})
    table, facts = read_parquet(tmp_path / "t.parquet", kind="list")
    assert table.equals(TABLE)
    assert facts == {"n": 3, "names": ["é"]}
    assert [each.name for each in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_sentence(share: float, tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    write_parquet(file, TABLE, kind="list", facts={})
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ArtifactError) as caught:
        read_parquet(file, kind="list")
    assert str(caught.value).startswith(f"{file} is truncated or damaged (")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named_with_its_kind(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_parquet(tmp_path / "t.parquet", kind="front")
    assert str(caught.value) == f"there is no front at {tmp_path / 't.parquet'}"


def test_another_kind_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", TABLE, kind="front", facts={})
    with pytest.raises(ArtifactError, match=r"t\.parquet holds a front, not a cost table"):
        read_parquet(tmp_path / "t.parquet", kind="cost table")


@pytest.mark.parametrize("stamp", [None, "[]", '{"kind": "front"}'])
def test_a_file_of_somebody_else_is_named(stamp: str | None, tmp_path: Path) -> None:
    pq.write_table(TABLE.replace_schema_metadata(stamp and {"helixnas": stamp}), tmp_path / "t.parquet")
    with pytest.raises(ArtifactError, match=r"t\.parquet was not written by HelixNAS; a front was expected there"):
        read_parquet(tmp_path / "t.parquet", kind="front")


def test_a_stamp_that_is_not_json_is_damage(tmp_path: Path) -> None:
    pq.write_table(TABLE.replace_schema_metadata({"helixnas": "{"}), tmp_path / "t.parquet")
    with pytest.raises(ArtifactError, match="is truncated or damaged"):
        read_parquet(tmp_path / "t.parquet", kind="front")


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    stamp = json.dumps({"kind": "front", "version": 2, "facts": {}})
    pq.write_table(TABLE.replace_schema_metadata({"helixnas": stamp}), tmp_path / "t.parquet")
    with pytest.raises(ArtifactError, match=r"was written by a newer HelixNAS \(format 2; this one reads 1\)"):
        read_parquet(tmp_path / "t.parquet", kind="front")


def test_a_full_disk_is_one_sentence_and_keeps_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.parquet"
    write_parquet(file, TABLE, kind="list", facts={})

    def full(_: pa.Table, where: Path, **__: Any) -> None:
        where.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(ArtifactError, match=r"cannot write .*t\.parquet: the disk is full; free some space"):
        write_parquet(file, TABLE.slice(0, 1), kind="list", facts={})
    assert read_parquet(file, kind="list")[0].num_rows == 3
    assert [each.name for each in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_what_pyarrow_raises_on_a_full_disk_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = pq.write_table
    monkeypatch.setattr(pq, "write_table", lambda table, where, **options: write(table, "/dev/full", **options))
    with pytest.raises(ArtifactError, match="the disk is full"):
        write_parquet(tmp_path / "t.parquet", TABLE, kind="list", facts={})
