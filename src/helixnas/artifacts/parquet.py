"""Parquet files with a kind, a format version and a few facts in their metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from helixnas.artifacts.files import damaged, write_atomically
from helixnas.errors import ArtifactError


def write_parquet(path: Path, table: pa.Table, *, kind: str, facts: Mapping[str, Any]) -> None:
    """Write `table` with its kind and facts as metadata, whole or not at all."""
    metadata = {"helixnas": json.dumps({"kind": kind, "version": 1, "facts": dict(facts)})}
    stamped = table.replace_schema_metadata(metadata)
    write_atomically(path, lambda temporary: pq.write_table(stamped, temporary, write_page_checksum=True))


def read_parquet(path: Path, *, kind: str) -> tuple[pa.Table, dict[str, Any]]:
    """Read a table and its facts.

    Raises `ArtifactError` if the file is missing, truncated, of a newer version, or holds something else than `kind`.
    """
    if not path.is_file():
        raise ArtifactError(f"there is no {kind} at {path}")
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        table.validate(full=True)
        stamp = json.loads((table.schema.metadata or {}).get(b"helixnas", "{}"))
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise damaged(path, error) from error
    if not isinstance(stamp, dict) or not {"kind", "version", "facts"} <= stamp.keys():
        raise ArtifactError(f"{path} was not written by HelixNAS; a {kind} was expected there")
    if stamp["kind"] != kind:
        raise ArtifactError(f"{path} holds a {stamp['kind']}, not a {kind}")
    if stamp["version"] != 1:
        raise ArtifactError(f"{path} was written by a newer HelixNAS (format {stamp['version']}; this one reads 1)")
    return table, stamp["facts"]


def whole_numbers(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """Return a column of whole numbers; raises `ValueError` if it is of another type."""
    return _column(table, name, pa.int64())


def real_numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """Return a column of floating-point numbers of 64 bits; raises `ValueError` if it is of another type."""
    return _column(table, name, pa.float64())


def _column(table: pa.Table, name: str, kind: pa.DataType) -> npt.NDArray[Any]:
    if table[name].type != kind:
        raise ValueError(f"the column {name} holds {table[name].type}, not {kind}")
    return table[name].to_numpy()
