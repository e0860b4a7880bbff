"""Images in Parquet files, in the form of Hugging Face data sets: encoded images in a column, classes in another.

The images are a column of bytes, or of structs with a field ``bytes``. Files are found by the words in their path, as on the
Hugging Face hub (``data/train-00000-of-00294.parquet``), or by a pattern. A block is a row group, the least that can be read.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from helixnas.data.shards import FIELDS, classes_of
from helixnas.data.source import Blocks, Source, hash_of_files, open_image
from helixnas.data.streams.kept import kept_index
from helixnas.data.streams.recent import RecentBlocks, share_of_memory
from helixnas.data.streams.tar import labels_in
from helixnas.errors import DataError, first_line

SPLITS = (("train", "training"), ("val", "valid", "validation", "eval", "evaluation", "dev"), ("test", "testing"))
"""Words in the path of a file that name its split."""

IMAGE_NAMES = ("image", "img", "jpg", "png", "bytes", "picture", "photo")
LABEL_NAMES = (*FIELDS, "labels", "fine_label", "category")
"""Names of the columns, the likeliest first."""

SCHEMA = pa.schema(
    [("group", pa.int32()), ("row", pa.int32()), ("bytes", pa.int64()), ("number", pa.int64()), ("text", pa.string())]
)
"""Columns of the index: row group, row in it, the image's share of its bytes, and the class as a number or a name."""


@dataclass(frozen=True)
class Columns:
    """The columns of the images and of their classes."""

    image: str
    is_struct: bool
    label: str
    """Empty without classes."""

    class_names: tuple[str, ...] = ()
    """As Hugging Face data sets name them; empty if they do not."""


def find_parquet(root: Path, split: str) -> list[Path]:
    """Return the Parquet files of a split, sorted by path: a file, those that a pattern names, or those whose path says so.

    Files without the word of any split are training files. Raises `DataError` for a pattern that is none.
    """
    if root.is_file():
        return [root]
    if re.search(r"[*?\[]|\.parquet$", split):
        try:
            return sorted(path for path in root.glob(split) if path.is_file())
        except (NotImplementedError, ValueError) as error:
            raise DataError(
                f"the split {split!r} is no pattern of files in {root}; write it from there on, for example data/train-*.parquet"
            ) from error
    files = sorted(path for path in root.rglob("*.parquet") if path.is_file())
    if not split:
        return files
    known = {word: names for names in SPLITS for word in names}
    wanted = known.get(split, (split,))
    of = {path: _words(path.relative_to(root)) for path in files}
    named = [path for path in files if of[path] & {*wanted}]
    if named or "train" not in wanted:
        return named
    return [path for path in files if not of[path] & known.keys()]


def _words(path: Path) -> set[str]:
    folders = {part.lower() for part in path.parts[:-1]}
    return folders | set(re.split(r"[^a-z0-9]+", path.stem.lower()))


def open_parquet(root: Path, split: str, *, labels: bool, memory: int) -> Source:
    """Return the images of the Parquet files of a split; `memory` holds row groups, in bytes.

    Raises `DataError` if there are no files, one is damaged or has other columns, or classes contradict each other.
    """
    title = f"parquet, split {split!r}, in {root}"
    files = [str(path) for path in find_parquet(root, split)]
    if not files:
        there = sorted(str(path.relative_to(root)) for path in root.rglob("*.parquet"))
        some = f"its files are {', '.join(there[:3])}{', ...' if len(there) > 3 else ''}" if there else "it has none"
        raise DataError(
            f"no Parquet file of {root} is of the split {split!r}; {some}; a pattern may name them (*.parquet)"
        )
    columns = _columns_of(files[0], labels=labels)
    kind = f"parquet {columns.image} {columns.label}"
    table = kept_index(title, files, partial(index_parquet, columns=columns), kind=kind)
    found, names = classes_of(labels_in(table), title) if columns.label else (None, ())
    if found is not None and len(columns.class_names) > found.max(initial=-1):
        names = columns.class_names
    images = ParquetImages(files, table, columns, memory)
    return Source(
        title=title,
        num_images=len(images),
        labels=found,
        class_names=names,
        read=images.read,
        locate=images.locate,
        fingerprint=images.fingerprint,
        shards=tuple(files),
        stream=images.stream,
        blocks=images.blocks,
    )


def _open(file: str) -> pq.ParquetFile:
    """Open a Parquet file; raises `DataError` with its path if it is damaged."""
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} is not a readable Parquet file: {first_line(error)}") from error


def _columns_of(file: str, *, labels: bool) -> Columns:
    with _open(file) as opened:
        schema = opened.schema_arrow
    possible = [field.name for field in schema if _holds_images(field.type)]
    image = _likeliest(possible, IMAGE_NAMES)
    if image is None:
        found = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise DataError(
            f"{file} has {'several columns' if possible else 'no column'} of encoded images (bytes, or a struct with a field "
            f"bytes); its columns are {found}; name one of them image"
        )
    label = next((name for name in LABEL_NAMES if name in schema.names and name != image), "") if labels else ""
    return Columns(image, pa.types.is_struct(schema.field(image).type), label, _class_names(schema, label))


def _likeliest(possible: Sequence[str], names: Sequence[str]) -> str | None:
    return possible[0] if len(possible) == 1 else next((name for name in names if name in possible), None)


def _holds_images(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _holds_images(field.type) for field in kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """Return the names of the classes in the metadata of Hugging Face data sets; none if there are no such metadata."""
    try:
        note = json.loads((schema.metadata or {})[b"huggingface"])
        return tuple(str(name) for name in note["info"]["features"][label]["names"])
    except (KeyError, ValueError, TypeError):
        return ()


def index_parquet(file: str, *, columns: Columns) -> pa.Table:
    """Return the index of one file, with the columns `SCHEMA`; no image is read.

    Raises `DataError` with its path if it is damaged, lacks a column, or its classes are neither whole numbers nor names.
    """
    with _open(file) as opened:
        schema, footer = opened.schema_arrow, opened.metadata
        for name in filter(None, (columns.image, columns.label)):
            if name not in schema.names:
                raise DataError(
                    f"{file} has no column {name}, as the first file has; its columns are {', '.join(schema.names)}"
                )
        if not _holds_images(schema.field(columns.image).type):
            raise DataError(
                f"the column {columns.image} of {file} holds {schema.field(columns.image).type}, not bytes of images"
            )
        parts = list(_row_groups(footer, columns.image))
        labels = _labels(opened, file, columns.label) if columns.label else [pa.nulls(footer.num_rows)] * 2
    joined = [np.concatenate([part[i] for part in parts]) if parts else np.zeros(0) for i in range(3)]
    values = [pa.array(each).cast(SCHEMA.field(i).type) for i, each in enumerate(joined)]
    values += [each.cast(SCHEMA.field(3 + i).type) for i, each in enumerate(labels)]
    return pa.table(values, schema=SCHEMA)


def _row_groups(footer: Any, image: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield number, row in it and mean bytes for the images of each row group."""
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        chunks = [group.column(each) for each in range(group.num_columns)]
        size = sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] == image)
        rows = group.num_rows
        yield np.full(rows, number), np.arange(rows), np.full(rows, size // max(1, rows))


def _labels(opened: pq.ParquetFile, file: str, name: str) -> list[Any]:
    """Return the classes as numbers and as names; null where they are the other."""
    try:
        column = opened.read(columns=[name])[name].combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the column {name} of {file} cannot be read: {first_line(error)}") from error
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    nothing = pa.nulls(len(column))
    if pa.types.is_integer(column.type):
        try:
            return [column.cast(pa.int64()), nothing]
        except pa.ArrowInvalid as error:
            raise DataError(
                f"the column {name} of {file} holds numbers of 2^63 and above, but classes are numbered 0, 1, 2, ..."
            ) from error
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return [nothing, column.cast(pa.string())]
    if pa.types.is_null(column.type):
        return [nothing, nothing]
    raise DataError(
        f"the column {name} of {file} holds {column.type}, but classes are whole numbers or names; set data.labels to false "
        "to do without"
    )


class ParquetImages:
    """Images in Parquet files, given the index of all."""

    def __init__(self, files: Sequence[str], table: pa.Table, columns: Columns, memory: int) -> None:
        self._files, self._columns, self._memory = tuple(files), columns, memory
        self._file, self._group, self._row = (table[name].to_numpy() for name in ("file", "group", "row"))
        self._recent = RecentBlocks()
        self._begins = np.flatnonzero(self._row == 0)
        of = np.repeat(np.arange(len(self._begins)), np.diff(np.append(self._begins, table.num_rows)))
        sizes = np.bincount(of, weights=table["bytes"].to_numpy(), minlength=1)
        self._largest = int(sizes.max())
        self.blocks = Blocks(of=of, num_bytes=int(sizes.mean()), is_whole=True)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._row)

    def read(self, index: int) -> Image.Image:
        """Return the image at an index, without keeping more than its row group; raises Pillow's errors."""
        return self._image(index, limit=0)

    def stream(self, index: int) -> Image.Image:
        """Return the image at an index, and keep its row group with as many others as the memory holds."""
        return self._image(index, limit=share_of_memory(self._memory, self._largest))

    def _image(self, index: int, *, limit: int) -> Image.Image:
        content = self._recent.get(int(self.blocks.of[index]), self._load, limit=limit)[int(self._row[index])].as_py()
        if content is None:
            raise DataError(f"its column {self._columns.image} holds no bytes")
        return open_image(content)

    def _load(self, block: int) -> tuple[Any, int]:
        first = int(self._begins[block])
        name = f"{self._columns.image}.bytes" if self._columns.is_struct else self._columns.image
        with pq.ParquetFile(self._files[int(self._file[first])]) as opened:
            column = opened.read_row_group(int(self._group[first]), columns=[name])[self._columns.image]
        chunks = [chunk.field("bytes") if self._columns.is_struct else chunk for chunk in column.chunks]
        return pa.chunked_array(chunks), sum(chunk.nbytes for chunk in chunks)

    def locate(self, index: int) -> str:
        """Return the place of the image at an index: file, row group and row, from 0."""
        file = self._files[int(self._file[index])]
        return f"{file}!row group {self._group[index]}, row {self._row[index]}"

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and modification times of the files."""
        return hash_of_files(self._files)
