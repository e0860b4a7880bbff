"""The index of shards, kept in the cache folder, so that only the first run pays the pass over all shards.

With an index the images of shards have numbers, as those of folders do. So splits by class, orders, resuming and messages are the
same for all kinds of storage (docs/decisions/0015). It takes about 60 bytes per image. A shard whose size or time of
change differs is indexed again; the others are not.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from helixnas.artifacts.files import write_atomically
from helixnas.data.decoded import cache_folder
from helixnas.errors import ArtifactError, DataError, first_line

SECONDS_WORTH_KEEPING = 1.0
"""An index that is made faster is not stored."""

SECONDS_BETWEEN_SAVES = 30.0
"""An interrupted indexing continues from what was saved last, and a message says how far it is."""

_VERSION = 1
_NOTE = b"helixnas"
_logger = logging.getLogger(__name__)

Stamp = tuple[int, int]
"""Size and time of change of a shard."""


def kept_index(title: str, files: Sequence[str], index: Callable[[str], pa.Table], *, kind: str) -> pa.Table:
    """Return the index of all shards, one row per image in the order of `files`, with the number of its shard in ``file``.

    `index` makes the table of one shard; `kind` changes with what it does. Raises `DataError` if a shard is missing.
    """
    path, stamps = _path(f"{kind}\n{title}"), {file: _stamp(file, title) for file in files}
    found = _load(path, kind) if path is not None else {}
    found = {file: (stamp, table) for file, (stamp, table) in found.items() if stamps.get(file) == stamp}
    missing = [file for file in files if file not in found]
    started = saved = time.perf_counter()
    try:
        for done, file in enumerate(missing, start=1):
            found[file] = stamps[file], index(file)
            if time.perf_counter() - saved > SECONDS_BETWEEN_SAVES:
                _save(path, found, kind, title)
                saved = time.perf_counter()
                _logger.warning(
                    "indexing the shards of %s, only this once: %d of %d are done", title, done, len(missing)
                )
    finally:
        if missing and time.perf_counter() - started >= SECONDS_WORTH_KEEPING:
            _save(path, found, kind, title)
    return _joined([found[file][1] for file in files])


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    numbers = np.repeat(np.arange(len(tables), dtype=np.int32), [table.num_rows for table in tables])
    return pa.concat_tables(tables).append_column("file", pa.array(numbers))


def _stamp(file: str, title: str) -> Stamp:
    try:
        status = Path(file).stat()
    except OSError as error:
        raise DataError(f"{file}, a shard of {title}, cannot be read: {error.strerror or first_line(error)}") from error
    return status.st_size, status.st_mtime_ns


def _path(key: str) -> Path | None:
    folder = cache_folder()
    digest = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:24]
    return None if folder is None else folder / f"{digest}.index.parquet"


def _load(path: Path, kind: str) -> dict[str, tuple[Stamp, pa.Table]]:
    """Return the stored index by shard; nothing if there is none, or, with a warning, if it is damaged."""
    if not path.exists():
        return {}
    try:
        table = pq.read_table(path)
        note = json.loads(table.schema.metadata[_NOTE])
        if note["version"] != _VERSION or note["kind"] != kind:
            return {}
        found: dict[str, tuple[Stamp, pa.Table]] = {}
        start, bare = 0, table.replace_schema_metadata(None)
        for file, size, modified, rows in note["shards"]:
            found[str(file)] = (int(size), int(modified)), bare.slice(start, rows)
            start += rows
        if start != table.num_rows:
            raise ValueError("it has another number of images than it says")
        return found
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        _logger.warning("making the index %s again, because it is damaged: %s", path, first_line(error))
        return {}


def _save(path: Path | None, found: dict[str, tuple[Stamp, pa.Table]], kind: str, title: str) -> None:
    """Write the index of the shards so far; a failure is only logged."""
    if path is None or not found:
        return
    shards = [[file, *stamp, table.num_rows] for file, (stamp, table) in found.items()]
    note: dict[str, Any] = {"version": _VERSION, "kind": kind, "title": title, "shards": shards}
    text = json.dumps(note).encode(errors="surrogateescape")
    joined = pa.concat_tables([table for _, table in found.values()]).replace_schema_metadata({_NOTE: text})
    try:
        write_atomically(path, lambda temporary: pq.write_table(joined, temporary))
    except ArtifactError as error:
        _logger.warning("the index of %s cannot be kept and will be made again: %s", title, error)
